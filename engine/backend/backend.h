#pragma once

#include "engine/compile/plan.h"
#include "engine/tensor/tensor.h"

#include <array>
#include <memory>
#include <span>
#include <stdexcept>

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

/// Some of the numbers in a memory, float32.
struct MemoryRange
{
    std::shared_ptr<Memory> memory;
    int64_t firstElement = 0;
    int64_t elements = 0;
};

/// The memory of a model on a device: weights, other state, optimizer's state. All programs of a drawing share it.
struct ModelMemory
{
    std::shared_ptr<Memory> parameters;
    std::shared_ptr<Memory> state;
    std::shared_ptr<Memory> slots;
};

/// A device stopped working while it was used: it was lost, or a kernel failed. `what()` is one sentence for people.
class DeviceFailure : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

/// A device has not as much memory free as was asked for.
class OutOfDeviceMemory : public DeviceFailure
{
public:
    using DeviceFailure::DeviceFailure;
};

/// A plan made ready to run on a device. Not thread-safe: one thread runs it. A GPU works behind the caller's back:
/// run() may return before the step is done, read() waits for it, and write() prepares the next step while this one
/// runs. What a GPU cannot do any more (see DeviceFailure) is thrown by the call that notices.
class Executable
{
public:
    virtual ~Executable() = default;
    /// Sets an input of the program for the next run. `bytes` has exactly the value's size and is free afterwards.
    virtual void write(ir::ValueId value, std::span<const std::byte> bytes) = 0;
    /// Runs the step, as one device alone does. No allocation happens here.
    void run()
    {
        for (size_t part = 0; part <= sums().size(); ++part)
            runPart(part);
    }
    /// A step that several devices share is run in parts, see compile::Plan::part: behind part i all of them add up
    /// `sums()[i]`, and the part behind the last sum ends the step.
    virtual void runPart(size_t part) = 0;
    virtual std::span<const MemoryRange> sums() const = 0;
    /// Reads a named output of the last run.
    virtual void read(ir::ValueId value, std::span<std::byte> bytes) const = 0;
    /// Whether run() returns before the step is done and readBefore() may be asked, so that a loop can begin a step
    /// before it looks at what the last one gave and the device never waits for the host.
    virtual bool runsAhead() const { return false; }
    /// Reads a named output of one number of the run before the last one, without waiting for the last one. Only where
    /// runsAhead().
    virtual void readBefore(ir::ValueId, std::span<std::byte>) const
    {
        throw std::logic_error("this device does not run ahead");
    }
    /// Fills all memory of the step but the inputs with NaN, so that a test sees what run() did not write.
    virtual void poison() = 0;
    /// Seconds spent in each operation of one run (runs the step once).
    virtual std::vector<double> timeOps() = 0;
    /// What each operation is computed with, for people; empty where a device does not say.
    virtual std::vector<std::string> kernels() const { return {}; }
    /// Memory on the device for this step alone, without the model's: what `Planner::planBytes` said before, and more
    /// where libraries took some that was left over.
    virtual int64_t memoryBytes() const = 0;
    /// One line for people on how the step runs, for example why it is not captured as a graph; may be empty.
    virtual std::string note() const { return {}; }
};

/// What devices add up while a plan runs, in the memory that holds its arena, where the planner puts it.
inline std::vector<MemoryRange> sumsOf(const compile::Plan& plan, const std::shared_ptr<Memory>& arena)
{
    std::vector<MemoryRange> sums;
    for (const size_t index : plan.sums) {
        const ir::ValueId id = plan.program.ops[index].outputs[0];
        const compile::Location& place = plan.locations[static_cast<size_t>(id)];
        if (place.segment != ir::Segment::Arena)
            throw std::logic_error("what devices add up is not in the step's own memory");
        sums.push_back(
            {arena, place.offset / static_cast<int64_t>(sizeof(float)), plan.program.typeOf(id).shape.elements()});
    }
    return sums;
}

/// What a device can do, for menus and `gradloom-cli`.
struct DeviceInfo
{
    std::string id;   ///< "cpu", "cuda:0"
    std::string name; ///< "CPU · 2 threads"
    bool usable = true;
    std::string problem; ///< one sentence where it is not usable
    int64_t memoryBytes = 0; ///< of a GPU; 0 where it is not known
    int64_t freeBytes = 0;   ///< of it, as it was when the device was asked
    // Of a GPU, and of the entry that says why there is none; empty where it is not known.
    std::string driver = {}; ///< version of NVIDIA's driver: "580.65.06"
    std::string cuda = {};   ///< newest CUDA this driver knows: "13.0"
    std::string cudnn = {};  ///< version of cuDNN: "9.13.0"
};

/// How a GPU computes products and convolutions; everything else, and all weights, are float32 always.
enum class Precision {
    Tf32,    ///< operands rounded to 10 bits of mantissa where the hardware has it, sums in float32
    Float32, ///< strictly float32
    Bf16     ///< operands in bfloat16, sums in float32
};

struct DeviceOptions
{
    int threads = 0; ///< CPU: 0 means all cores this process may use
    bool giveWay = false; ///< CPU: its threads run behind ordinary ones, see thread_priority.h
    Precision precision = Precision::Tf32; ///< GPU
    bool deterministic = false; ///< GPU: only algorithms that give the same bits every time

    bool operator==(const DeviceOptions&) const = default;
};

/// Memory of a device's own; zeros where nobody knows or counts.
struct DeviceMemory
{
    int64_t total = 0;
    int64_t free = 0; ///< that programs can take now; what the driver needs for itself later is not in it
};

/// Devices give memory in multiples of so many bytes.
inline constexpr int64_t memoryUnit = 256;
/// What an allocation of `bytes` takes.
inline int64_t inMemoryUnits(int64_t bytes)
{
    return (bytes + memoryUnit - 1) / memoryUnit * memoryUnit;
}

/// What is known of a device before it is opened.
class Planner
{
public:
    virtual ~Planner() = default;
    /// Whether its memory is counted, so that it must suffice; see Backend::memory.
    virtual bool countsMemory() const { return false; }
    /// What plans for this device may use.
    virtual compile::PlanOptions planOptions() const { return {}; }
    /// Bytes of the device's memory that a plan takes while it is loaded, without the model's: arena, scratch memory of
    /// the operations, inputs that are copied ahead. Libraries get what is left over; they can do without.
    virtual int64_t planBytes(const compile::Plan& plan) const = 0;
    /// Bytes that NCCL takes for itself to add up numbers with other devices, see communicator.h.
    virtual int64_t sumBytes() const { return 0; }
};

/// A device that runs plans.
class Backend : public Planner
{
public:
    virtual DeviceInfo info() const = 0;
    virtual DeviceMemory memory() const { return {}; }
    /// Takes memory at once for what is allocated and loaded next, so that nobody else gets it: neither other programs
    /// nor workspaces of libraries, which leave also `untouched` bytes of the rest alone. Nothing happens on a device
    /// without memory of its own.
    virtual Status reserve(int64_t, [[maybe_unused]] int64_t untouched) { return {}; }
    virtual Result<std::shared_ptr<Memory>> allocate(int64_t bytes) = 0;
    virtual Result<std::unique_ptr<Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const ModelMemory& model) = 0;
};

/// The CPU, as devices() lists it; known at once.
DeviceInfo cpuDevice();
/// The devices of this machine, the CPU first; unusable ones say why. Where there is no GPU at all, one entry "cuda"
/// says why not. May load a driver, which takes a moment.
std::vector<DeviceInfo> devices();
/// Opens a device by id ("cpu", "cuda:1"; "cuda" is the first usable GPU). The error is one sentence that says what to
/// do.
Result<std::unique_ptr<Backend>> open(const std::string& id, const DeviceOptions& options = {});

/// Of a device that open() would give, without opening it: a GPU's memory stays as it is, no threads are started. The
/// same errors, but for those of a GPU that does not answer; one that could be used before is not looked at again.
Result<std::unique_ptr<Planner>> planner(const std::string& id, const DeviceOptions& options = {});

/// Zeroed model memory of the size a program needs.
Result<ModelMemory> allocateModel(Backend& backend, const ir::Program& program);

} // namespace gradloom::backend
