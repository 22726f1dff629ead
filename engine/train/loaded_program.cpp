#include "engine/train/loaded_program.h"

namespace gradloom::train {

Result<std::unique_ptr<LoadedProgram>> LoadedProgram::load(
    backend::Backend& device, const backend::ModelMemory& memory, ir::Program program)
{
    std::unique_ptr<LoadedProgram> loaded(new LoadedProgram);
    loaded->m_plan = std::make_shared<const compile::Plan>(compile::plan(std::move(program), device.planOptions()));
    auto executable = device.load(loaded->m_plan, memory);
    if (!executable)
        return executable.error();
    loaded->m_executable = std::move(*executable);
    const auto uses = ir::useCounts(loaded->program());
    for (size_t i = 0; i < uses.size(); ++i)
        if (loaded->program().values[i].input && uses[i] > 0)
            loaded->m_inputs.emplace(loaded->program().values[i].name, static_cast<ir::ValueId>(i));
    return loaded;
}

void LoadedProgram::write(const std::string& name, std::span<const std::byte> bytes)
{
    if (auto it = m_inputs.find(name); it != m_inputs.end())
        m_executable->write(it->second, bytes);
}

void LoadedProgram::write(const std::string& name, float value)
{
    write(name, std::as_bytes(std::span(&value, 1)));
}

const TensorType& LoadedProgram::outputType(const std::string& name) const
{
    return program().typeOf(program().outputs.at(name));
}

const TensorType* LoadedProgram::inputType(const std::string& name) const
{
    auto it = m_inputs.find(name);
    return it == m_inputs.end() ? nullptr : &program().typeOf(it->second);
}

void LoadedProgram::read(const std::string& name, std::span<float> values) const
{
    m_executable->read(program().outputs.at(name), std::as_writable_bytes(values));
}

Tensor LoadedProgram::read(const std::string& name) const
{
    const TensorType& type = outputType(name);
    Tensor tensor(type.shape, type.dtype);
    read(name, tensor);
    return tensor;
}

void LoadedProgram::read(const std::string& name, Tensor& into) const
{
    m_executable->read(program().outputs.at(name), {into.data(), static_cast<size_t>(into.bytes())});
}

float LoadedProgram::readNumber(const std::string& name, bool before) const
{
    float value = 0;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    const ir::ValueId id = program().outputs.at(name);
    before ? m_executable->readBefore(id, bytes) : m_executable->read(id, bytes);
    return value;
}

} // namespace gradloom::train
