#pragma once

#include "engine/backend/backend.h"

#include <map>
#include <memory>
#include <string>

namespace gradloom::train {

/// A program on a device, its inputs and outputs by name. One thread at a time.
class LoadedProgram
{
public:
    /// Plans the program and loads it onto the device.
    static Result<std::unique_ptr<LoadedProgram>> load(
        backend::Backend& device, const backend::ModelMemory& memory, ir::Program program);

    const compile::Plan& plan() const { return *m_plan; }
    const ir::Program& program() const { return m_plan->program; }
    backend::Executable& executable() { return *m_executable; }

    /// Sets an input; nothing happens where no operation reads an input of that name. `bytes` has its exact
    /// size.
    void write(const std::string& name, std::span<const std::byte> bytes);
    void write(const std::string& name, const Tensor& tensor) { write(name, bytesOf(tensor)); }
    void write(const std::string& name, float value);
    void run() { m_executable->run(); }

    bool hasOutput(const std::string& name) const { return program().outputs.contains(name); }
    /// Type of an output or input that is there.
    const TensorType& outputType(const std::string& name) const;
    const TensorType* inputType(const std::string& name) const;
    /// Reads an output after run(); `values` has its exact size. Does not allocate.
    void read(const std::string& name, std::span<float> values) const;
    Tensor read(const std::string& name) const;
    /// Into a tensor of the output's type.
    void read(const std::string& name, Tensor& into) const;
    /// Of the last run, or of the one before (where the device runs ahead).
    float readNumber(const std::string& name, bool before = false) const;

private:
    static std::span<const std::byte> bytesOf(const Tensor& tensor)
    {
        return {tensor.data(), static_cast<size_t>(tensor.bytes())};
    }

    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Executable> m_executable;
    std::map<std::string, ir::ValueId> m_inputs; ///< those that are read
};

} // namespace gradloom::train
