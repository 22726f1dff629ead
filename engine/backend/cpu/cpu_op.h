#pragma once

#include "engine/compile/plan.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace gradloom::cpu {

/// Memory that kernels use while an operation runs: one part for each thread and one for all, shared by all operations
/// of an executable, because only one runs at a time.
struct Scratch
{
    std::byte* common = nullptr;
    std::byte* perThread = nullptr;
    int64_t perThreadBytes = 0;

    float* of(int thread) const { return reinterpret_cast<float*>(perThread + thread * perThreadBytes); }
};

/// One parallel pass of an operation: `run` on parts of [0, units), on any thread.
struct Phase
{
    int64_t units = 0;
    bool parallel = true; ///< false where waking the other threads costs more than the work
    std::function<void(int64_t begin, int64_t end, int thread)> run;
};

/// What an operation is made ready with: where its operands are, and where it leaves its phases.
class Preparation
{
public:
    Preparation(const compile::Plan& plan, const ir::Op& operation, int threadCount,
        std::function<std::byte*(ir::ValueId)> addressOf, const Scratch& scratchMemory)
        : op(operation), threads(threadCount), scratch(&scratchMemory), m_plan(plan), m_address(std::move(addressOf))
    {
    }

    const ir::Op& op;
    const int threads;
    const Scratch* const scratch; ///< its pointers are set when all operations are prepared: read them while running

    bool has(size_t input) const { return input < op.inputs.size() && op.inputs[input] != ir::noValue; }
    const Shape& inShape(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).shape; }
    const Shape& outShape(size_t i = 0) const { return m_plan.program.typeOf(op.outputs[i]).shape; }
    DType inType(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).dtype; }
    DType outType(size_t i) const { return m_plan.program.typeOf(op.outputs[i]).dtype; }

    /// Operand and result memory; null for an absent operand.
    template <typename T = float>
    const T* in(size_t i) const
    {
        return has(i) ? reinterpret_cast<const T*>(m_address(op.inputs[i])) : nullptr;
    }
    template <typename T = float>
    T* out(size_t i = 0) const
    {
        return reinterpret_cast<T*>(m_address(op.outputs[i]));
    }

    /// Reserves floats of the memory that all threads share; returns the offset from Scratch::common in floats.
    int64_t common(int64_t floats)
    {
        const int64_t offset = commonFloats;
        commonFloats += (floats + 15) / 16 * 16;
        return offset;
    }
    /// Reserves floats for each thread (the largest request counts).
    void perThread(int64_t floats) { threadFloats = std::max(threadFloats, floats); }

    /// Adds a pass. `work` is about how many floating point operations or bytes all units take together.
    void phase(int64_t units, double work, std::function<void(int64_t, int64_t, int)> run)
    {
        constexpr double worthWaking = 20000;
        phases.push_back({units, work > worthWaking, std::move(run)});
    }

    std::string kernel; ///< for people: which algorithm was chosen, for example "direct 6×16"
    std::vector<Phase> phases;
    int64_t commonFloats = 0;
    int64_t threadFloats = 0;

private:
    const compile::Plan& m_plan;
    std::function<std::byte*(ir::ValueId)> m_address;
};

/// A primitive on the CPU: one file in engine/backend/cpu/ops returns one of these.
struct CpuOp
{
    std::string id; ///< of the ir::OpType
    std::function<void(Preparation& preparation)> prepare;
};

} // namespace gradloom::cpu
