#pragma once

#include "engine/backend/backend.h"
#include "engine/backend/cuda/launch.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace gradloom::cuda {

class Libraries;
struct Alternatives;

/// Sends work to the device; called once a step, and while a step is captured.
using Launch = std::function<void(const Context& context)>;

/// How an executable computes.
struct Settings
{
    backend::Precision precision = backend::Precision::Tf32;
    bool deterministic = false;
    Libraries* libraries = nullptr;       ///< cuDNN and cuBLASLt of the device
    Alternatives* alternatives = nullptr; ///< other ways of computing than the own kernels; null: none
    /// Scores of attention are kept, so that products compute them, up to this size; larger ones are computed
    /// in pieces.
    int64_t attentionScoreBytes = int64_t{512} << 20;
};

using AddressOf = std::function<std::byte*(ir::ValueId)>;

/// Where operations are computed. Scratch and kept memory are null while it is asked how much is needed.
struct StepMemory
{
    AddressOf addressOf;
    std::byte* scratch = nullptr; ///< for the time an operation runs; all share it
    std::byte* kept = nullptr;    ///< from an operation to its adjoint; of these two alone
    /// Bytes of scratch memory that are there for what libraries may ask for beside what an operation needs.
    int64_t workspaceLimit = std::numeric_limits<int64_t>::max();
};

/// What an operation is made ready with: where its operands are on the device, and where it leaves its
/// launches. All addresses are final, so launches keep them.
class Preparation
{
public:
    Preparation(
        const compile::Plan& plan, const ir::Op& operation, const Settings& how, const StepMemory& memory)
        : op(operation), settings(how), m_plan(plan), m_memory(memory)
    {
    }

    const ir::Op& op;
    const Settings& settings;

    bool has(size_t input) const { return input < op.inputs.size() && op.inputs[input] != ir::noValue; }
    const Shape& inShape(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).shape; }
    const Shape& outShape(size_t i = 0) const { return m_plan.program.typeOf(op.outputs[i]).shape; }
    DType outType(size_t i) const { return m_plan.program.typeOf(op.outputs[i]).dtype; }
    DType inType(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).dtype; }
    /// Whether anybody reads a result.
    bool isRead(size_t output) const;

    /// Operand and result memory on the device; null for an absent operand.
    template <typename T = float>
    const T* in(size_t i) const
    {
        return has(i) ? reinterpret_cast<const T*>(m_memory.addressOf(op.inputs[i])) : nullptr;
    }
    /// An operand as the libraries take it, which know of no constants.
    float* operand(size_t i) const
    {
        return has(i) ? reinterpret_cast<float*>(m_memory.addressOf(op.inputs[i])) : nullptr;
    }
    template <typename T = float>
    T* out(size_t i = 0) const
    {
        return reinterpret_cast<T*>(m_memory.addressOf(op.outputs[i]));
    }

    /// Device memory for the time the operation runs; all operations share it.
    template <typename T = float>
    T* scratch(int64_t count)
    {
        std::byte* at = m_memory.scratch + m_scratchBytes;
        m_scratchBytes += backend::inMemoryUnits(count * static_cast<int64_t>(sizeof(T)));
        return reinterpret_cast<T*>(at);
    }
    int64_t scratchBytes() const { return m_scratchBytes; }

    /// Scratch memory that a library is faster with; at most as much as is left for this.
    std::byte* workspace(int64_t bytes)
    {
        m_workspaceBytes += backend::inMemoryUnits(bytes);
        return scratch<std::byte>(bytes);
    }
    int64_t workspaceLeft() const
    {
        const int64_t left = std::max<int64_t>(0, m_memory.workspaceLimit - m_workspaceBytes);
        return left / backend::memoryUnit * backend::memoryUnit;
    }
    int64_t workspaceBytes() const { return m_workspaceBytes; } ///< of the scratch memory

    /// What an operation notes for its adjoint, which asks for the same size.
    std::byte* kept(int64_t bytes)
    {
        m_keptBytes = bytes;
        return m_memory.kept;
    }
    int64_t keptBytes() const { return m_keptBytes; }

    void launch(Launch work) { launches.push_back(std::move(work)); }

    template <class F>
    void each(int64_t count, const F& functor)
    {
        launch([count, functor](const Context& context) { forEach(context, count, functor); });
    }
    template <class F>
    void teams(int64_t count, const F& functor, const TeamSize& size)
    {
        launch([=](const Context& context) { forTeams(context, count, functor, size); });
    }

    std::vector<Launch> launches;
    std::string kernel = "own"; ///< what computes, for people

private:
    const compile::Plan& m_plan;
    const StepMemory& m_memory;
    int64_t m_scratchBytes = 0;
    int64_t m_workspaceBytes = 0;
    int64_t m_keptBytes = 0;
};

/// A primitive on the GPU: one file in engine/backend/cuda/ops returns one of these. The files are plain C++:
/// they choose functors (functors/) and library calls (library.h), so that tests run them on the CPU.
struct CudaOp
{
    std::string id; ///< of the ir::OpType
    std::function<void(Preparation& preparation)> prepare;
};

/// One for each file in engine/backend/cuda/ops.
std::vector<CudaOp> allCudaOps();

/// A plan made ready.
struct PreparedSteps
{
    std::vector<std::vector<Launch>> launches; ///< by operation
    std::vector<std::string> kernels;          ///< by operation; empty where nothing is computed
};

/// Bytes of scratch and kept memory that suffice for the own kernels, and for libraries without workspaces or
/// with those that always are the same. Needs no device.
int64_t ownScratchBytes(const compile::Plan& plan, const Settings& settings);
/// See Planner::planBytes; needs no device.
int64_t planBytes(const compile::Plan& plan, const Settings& settings);

/// Memory beside the arena for an executable to come.
struct StepRoom
{
    /// What may be taken of it, at least `ownScratchBytes`.
    int64_t limit = std::numeric_limits<int64_t>::max();
    /// Called once with the bytes that are needed; gives their address, a multiple of 256.
    std::function<std::byte*(int64_t bytes)> allocate;
};

/// Chooses how each operation is computed: the fastest way that there is room for.
PreparedSteps prepareSteps(
    const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf, const StepRoom& room);

} // namespace gradloom::cuda
