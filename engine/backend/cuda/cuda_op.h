#pragma once

#include "engine/backend/backend.h"
#include "engine/backend/cuda/launch.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace gradloom::cuda {

class Libraries;

/// Sends work to the device; called once a step, and while a step is captured.
using Launch = std::function<void(const Context& context)>;

/// How an executable computes.
struct Settings
{
    backend::Precision precision = backend::Precision::Tf32;
    bool deterministic = false;
    Libraries* libraries = nullptr; ///< cuDNN and cuBLASLt of the device
    /// Scores of attention are kept, so that products compute them, up to this size; larger ones are computed
    /// in pieces.
    int64_t attentionScoreBytes = int64_t{512} << 20;
};

/// What an operation is made ready with: where its operands are on the device, and where it leaves its
/// launches. All addresses are final, so launches keep them. See prepareSteps for when
/// `scratch` is null.
class Preparation
{
public:
    using AddressOf = std::function<std::byte*(ir::ValueId)>;

    Preparation(const compile::Plan& plan, const ir::Op& operation, const Settings& how, AddressOf addressOf,
        std::byte* scratch)
        : op(operation), settings(how), m_plan(plan), m_address(std::move(addressOf)), m_scratch(scratch)
    {
    }

    const ir::Op& op;
    const Settings& settings;

    bool has(size_t input) const { return input < op.inputs.size() && op.inputs[input] != ir::noValue; }
    const Shape& inShape(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).shape; }
    const Shape& outShape(size_t i = 0) const { return m_plan.program.typeOf(op.outputs[i]).shape; }
    DType outType(size_t i) const { return m_plan.program.typeOf(op.outputs[i]).dtype; }
    DType inType(size_t i) const { return m_plan.program.typeOf(op.inputs[i]).dtype; }

    /// Operand and result memory on the device; null for an absent operand.
    template <typename T = float>
    const T* in(size_t i) const
    {
        return has(i) ? reinterpret_cast<const T*>(m_address(op.inputs[i])) : nullptr;
    }
    /// An operand as the libraries take it, which know of no constants.
    float* operand(size_t i) const
    {
        return has(i) ? reinterpret_cast<float*>(m_address(op.inputs[i])) : nullptr;
    }
    template <typename T = float>
    T* out(size_t i = 0) const
    {
        return reinterpret_cast<T*>(m_address(op.outputs[i]));
    }

    /// Device memory for the time the operation runs; all operations share it.
    template <typename T = float>
    T* scratch(int64_t count)
    {
        std::byte* at = m_scratch + m_scratchBytes;
        m_scratchBytes += (count * static_cast<int64_t>(sizeof(T)) + 255) / 256 * 256;
        return reinterpret_cast<T*>(at);
    }
    int64_t scratchBytes() const { return m_scratchBytes; }

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

private:
    const compile::Plan& m_plan;
    AddressOf m_address;
    std::byte* m_scratch;
    int64_t m_scratchBytes = 0;
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

/// The launches of a plan by operation, and the scratch memory that they need.
struct PreparedSteps
{
    std::vector<std::vector<Launch>> launches;
    int64_t scratchBytes = 0;
};

/// To be called twice: without scratch memory, to learn how much is needed, and with it.
PreparedSteps prepareSteps(const compile::Plan& plan, const Settings& settings,
    const Preparation::AddressOf& addressOf, std::byte* scratch);

} // namespace gradloom::cuda
