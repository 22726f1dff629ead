#pragma once

#include "engine/backend/cuda/algorithm_cache.h"
#include "engine/backend/cuda/cuda_op.h"

struct cudnnContext;

namespace gradloom::cuda {

/// Another way of computing an operation than the own kernels. It is taken for sizes for which it was
/// measured to be faster on the device and its results, in the same trial, agreed with theirs; where it
/// cannot compute the sizes or fails, the own kernels compute.
struct Candidate
{
    std::string name; ///< for people: "cuDNN softmax"
    std::string op;   ///< id of the operation
    /// As CudaOp::prepare, for the operation and its adjoint; false where it cannot compute the sizes. May
    /// throw DeviceFailure.
    std::function<bool(Preparation& preparation)> prepare;
    /// Set where operation and adjoint are both computed in this way or neither: where the adjoint needs what
    /// this way notes for it, or operands that fit each other. It is the one whose operand is that result.
    struct Adjoint
    {
        std::string op;
        size_t operand = 0, result = 0;
    };
    std::optional<Adjoint> adjoint = {};
    /// Multiplies matrices, whose operands the settings may allow to round; its operands of two dimensions
    /// are weights.
    bool products = false;
};

using Candidates = std::vector<Candidate>;

/// One for each file in engine/backend/cuda/candidates, which use cuDNN.
std::vector<Candidates> allCandidates();

/// The device as a trial needs it. Every call throws DeviceFailure where it fails, OutOfDeviceMemory where it
/// has too little memory.
class TrialDevice
{
public:
    virtual ~TrialDevice() = default;
    /// Memory of the device while the result lives; the address is a multiple of 256.
    virtual std::shared_ptr<std::byte> allocate(int64_t bytes) = 0;
    /// Runs launches one behind the other and waits for them.
    virtual void run(const std::vector<Launch>& launches) = 0;
    virtual std::vector<std::byte> read(const std::byte* from, int64_t bytes) = 0;
    /// How long the launches take within a step.
    virtual float milliseconds(const std::vector<Launch>& launches) = 0;
};

/// The candidates of a device, and what was measured on it.
struct Alternatives
{
    cudnnContext* dnn = nullptr; ///< what the candidates use
    Candidates candidates;
    std::unique_ptr<TrialDevice> device;
    AlgorithmCache times; ///< 0 stands for the own kernels, then come the candidates for the operation
};

/// How operations of a plan are computed together: one, or one and its adjoint.
struct Way
{
    std::vector<size_t> ops;              ///< their indices in the plan
    const Candidate* candidate = nullptr; ///< null: the own kernels
};

/// Whether any operation but `ops`, an output or an update reads a value.
bool isReadBeside(const ir::Program& program, const std::vector<size_t>& ops, ir::ValueId id);

/// A way made ready: by operation, and the memory that it needs.
struct PreparedWay
{
    std::vector<std::vector<Launch>> launches;
    std::vector<std::string> kernels;
    int64_t scratchBytes = 0, keptBytes = 0;
    int64_t neededScratchBytes = 0; ///< without what libraries asked for
};

/// Nothing where a candidate cannot compute the sizes.
std::optional<PreparedWay> prepareWay(
    const compile::Plan& plan, const Settings& settings, const Way& way, const StepMemory& memory);

/// The ways in which operation `first` had better be computed, the fastest first and the own kernels last, by
/// a trial where none is remembered. Trials write to the plan's memory in the arena, which nothing may use
/// yet, and take other memory for as long as they last.
std::vector<Way> waysByTime(
    const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf, size_t first);

} // namespace gradloom::cuda
