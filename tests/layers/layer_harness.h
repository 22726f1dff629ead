#pragma once

#include "engine/backend/backend.h"
#include "engine/layers/layer_type.h"
#include "engine/train/model.h"

#include <cstdint>
#include <memory>
#include <vector>

/// A layer lowered alone with a scalar loss behind it, on a device, with its gradients: what the registry tests and the
/// golden tests run.
namespace gradloom::tests {

class LayerHarness
{
public:
    static constexpr int64_t batch = 3;

    LayerHarness(const layers::LayerType& type, const layers::Sample& sample, bool training);

    /// Random contents of inputs, weights and loss coefficients.
    void randomize(uint64_t seed);
    /// Runs once on poisoned memory; the results are readable afterwards.
    void run();
    /// Σ coefficient·result of the last run, in double precision.
    double loss() const;

    /// Differentiable tensors: the float inputs, then the trainable weights.
    struct Leaf
    {
        std::string name;
        ir::ValueId value;
        ir::ValueId gradient; ///< noValue where the result does not depend on it
    };
    const std::vector<Leaf>& leaves() const { return m_leaves; }
    Tensor read(ir::ValueId value) const;
    /// Contents of a leaf, set by randomize or by `set`.
    Tensor get(ir::ValueId leaf) const;
    void set(ir::ValueId leaf, const Tensor& contents);

    /// Results per port (a loss: its loss for each sample).
    const std::vector<ir::ValueId>& results() const { return m_results; }
    const std::vector<TensorType>& inferred() const { return m_inferred; }
    const std::vector<ir::ValueId>& inputs() const { return m_inputs; }
    const std::vector<ir::ValueId>& coefficients() const { return m_coefficients; }
    const ir::Program& program() const { return m_plan->program; }

private:
    void build(const layers::LayerType& type, const layers::Sample& sample, bool training);
    void load();

    ir::Builder m_builder;
    std::vector<TensorType> m_inferred;
    std::vector<ir::ValueId> m_inputs;
    std::vector<ir::ValueId> m_results;
    std::vector<ir::ValueId> m_coefficients;
    std::vector<Leaf> m_leaves;
    std::vector<ir::ValueId> m_penalties;
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Backend> m_backend;
    backend::ModelMemory m_model;
    std::unique_ptr<backend::Executable> m_executable;
    std::map<ir::ValueId, Tensor> m_contents;
};

} // namespace gradloom::tests
