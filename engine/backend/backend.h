#pragma once

#include "engine/compile/plan.h"
#include "engine/tensor/tensor.h"

#include <array>
#include <memory>
#include <span>

namespace gradloom::backend {

/// Memory on a device.
class Memory
{
public:
    virtual ~Memory() = default;
    virtual int64_t bytes() const = 0;
    virtual void upload(std::span<const std::byte> source, int64_t offset) = 0;
    virtual void download(std::span<std::byte> destination, int64_t offset) const = 0;
};

/// The memory of a model on a device: weights, other state, optimizer's state. All programs of a drawing share it.
struct ModelMemory
{
    std::shared_ptr<Memory> parameters;
    std::shared_ptr<Memory> state;
    std::shared_ptr<Memory> slots;
};

/// A plan made ready to run on a device. Not thread-safe: one thread runs it.
class Executable
{
public:
    virtual ~Executable() = default;
    /// Sets an input of the program. `bytes` has exactly the value's size.
    virtual void write(ir::ValueId value, std::span<const std::byte> bytes) = 0;
    /// Runs the step. No allocation happens here.
    virtual void run() = 0;
    /// Reads a named output after run().
    virtual void read(ir::ValueId value, std::span<std::byte> bytes) const = 0;
    /// Fills all memory of the step but the inputs with NaN, so that a test sees what run() did not write.
    virtual void poison() = 0;
    /// Seconds spent in each operation of one run (runs the step once).
    virtual std::vector<double> timeOps() = 0;
};

/// What a device can do, for menus and `gradloom-cli`.
struct DeviceInfo
{
    std::string id;   ///< "cpu", "cuda:0"
    std::string name; ///< "CPU · 2 threads"
    bool usable = true;
    std::string problem; ///< one sentence where it is not usable
};

struct DeviceOptions
{
    int threads = 0; ///< 0: all cores this process may use
};

/// A device that runs plans.
class Backend
{
public:
    virtual ~Backend() = default;
    virtual DeviceInfo info() const = 0;
    virtual Result<std::shared_ptr<Memory>> allocate(int64_t bytes) = 0;
    virtual Result<std::unique_ptr<Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const ModelMemory& model) = 0;
};

/// The devices this build knows; unusable ones say why.
std::vector<DeviceInfo> devices();
/// Opens a device by id ("cpu", "cuda", "cuda:1"). The error is one sentence that says what to do.
Result<std::unique_ptr<Backend>> open(const std::string& id, const DeviceOptions& options = {});

/// Zeroed model memory of the size a program needs.
Result<ModelMemory> allocateModel(Backend& backend, const ir::Program& program);

} // namespace gradloom::backend
