#include "layer_harness.h"

#include "engine/base/philox.h"

#include <stdexcept>

namespace gradloom::tests {

using ir::noValue;
using ir::ValueId;

LayerHarness::LayerHarness(const layers::LayerType& type, const layers::Sample& sample, bool training)
{
    build(type, sample, training);
    load();
}

void LayerHarness::build(const layers::LayerType& type, const layers::Sample& sample, bool training)
{
    layers::LowerContext context(m_builder, "node", training);
    context.batch = batch;
    context.params = completeParams(type.parameters, sample.params, type.id).value();
    const auto inferred = type.infer(context.params, sample.inputs);
    if (inferred.fault)
        throw std::runtime_error(type.id + ": " + inferred.fault->message);
    m_inferred = inferred.outputs;
    context.outputTypes = inferred.outputs;
    for (size_t i = 0; i < sample.inputs.size(); ++i) {
        const TensorType& input = sample.inputs[i];
        if (input == layers::unconnected) {
            m_inputs.push_back(noValue);
            continue;
        }
        const std::string name = "in" + std::to_string(i);
        m_inputs.push_back(m_builder.input(name, {input.shape.prepended(batch), input.dtype}));
        if (input.dtype == DType::F32)
            m_leaves.push_back({name, m_inputs.back(), noValue});
    }
    context.inputs = m_inputs;
    m_results = type.lower(context);
    for (const auto& loss : context.losses)
        m_results.push_back(m_builder.scale(loss.perSample, loss.share));
    m_penalties = context.penalties;

    const auto& values = m_builder.program().values;
    for (size_t i = 0; i < values.size(); ++i)
        if (values[i].segment == ir::Segment::Parameters)
            m_leaves.push_back({values[i].name, static_cast<ValueId>(i), noValue});
    ValueId total = noValue;
    const auto accumulate = [&](ValueId term) { total = total == noValue ? term : m_builder.add(total, term); };
    for (size_t i = 0; i < m_results.size(); ++i) {
        if (m_builder.type(m_results[i]).dtype != DType::F32)
            continue;
        m_coefficients.push_back(m_builder.input("c" + std::to_string(i), m_builder.type(m_results[i])));
        accumulate(m_builder.reduceAll("sum", m_builder.mul(m_results[i], m_coefficients.back())));
    }
    for (ValueId penalty : m_penalties)
        accumulate(penalty);
    for (size_t i = 0; i < m_results.size(); ++i)
        m_builder.output("result" + std::to_string(i), m_results[i]);
    for (size_t i = 0; i < m_penalties.size(); ++i)
        m_builder.output("penalty" + std::to_string(i), m_penalties[i]);
    for (const auto& [name, metric] : context.metrics)
        m_builder.output("metric:" + name, metric);
    if (total == noValue)
        return;
    m_builder.output("total", total);
    std::vector<ValueId> targets;
    for (const Leaf& leaf : m_leaves)
        targets.push_back(leaf.value);
    const auto gradients = ir::differentiate(m_builder, total, targets);
    for (size_t i = 0; i < m_leaves.size(); ++i) {
        m_leaves[i].gradient = gradients[i];
        if (gradients[i] != noValue)
            m_builder.output("gradient:" + m_leaves[i].name, gradients[i]);
    }
}

void LayerHarness::load()
{
    m_plan = std::make_shared<compile::Plan>(compile::plan(m_builder.program()));
    m_backend = backend::open("cpu", {2}).value();
    m_model = backend::allocateModel(*m_backend, m_plan->program).value();
    m_executable = m_backend->load(m_plan, m_model).value();
}

void LayerHarness::randomize(uint64_t seed)
{
    Random random(seed);
    const auto& values = m_plan->program.values;
    for (size_t i = 0; i < values.size(); ++i) {
        const ir::Value& value = values[i];
        if (!value.input && value.segment == ir::Segment::Arena)
            continue;
        Tensor contents(value.type.shape, value.type.dtype);
        // Running variances must be positive, labels small, the random counter anything.
        const bool positive = value.name.ends_with("running_var");
        if (value.type.dtype == DType::I32)
            for (int32_t& x : contents.as<int32_t>())
                x = static_cast<int32_t>(random.below(2));
        else
            for (float& x : contents.floats())
                x = positive ? random.uniform(0.5F, 1.5F) : random.normal();
        set(static_cast<ValueId>(i), contents);
    }
}

void LayerHarness::set(ValueId id, const Tensor& contents)
{
    const ir::Value& value = m_plan->program[id];
    const std::span<const std::byte> bytes(contents.data(), static_cast<size_t>(contents.bytes()));
    if (value.input)
        m_executable->write(id, bytes);
    else
        (value.segment == ir::Segment::Parameters ? m_model.parameters : m_model.state)->upload(bytes, value.offset * 4);
    m_contents.insert_or_assign(id, contents);
}

Tensor LayerHarness::get(ValueId leaf) const
{
    return m_contents.at(leaf);
}

void LayerHarness::run()
{
    m_executable->poison();
    m_executable->run();
}

Tensor LayerHarness::read(ValueId id) const
{
    const TensorType& type = m_plan->program.typeOf(id);
    Tensor contents(type.shape, type.dtype);
    m_executable->read(id, {contents.data(), static_cast<size_t>(contents.bytes())});
    return contents;
}

double LayerHarness::loss() const
{
    double sum = 0;
    size_t k = 0;
    for (ValueId id : m_results) {
        if (m_plan->program.typeOf(id).dtype != DType::F32)
            continue;
        const Tensor result = read(id);
        const Tensor coefficient = m_contents.at(m_coefficients[k++]);
        for (size_t i = 0; i < result.floats().size(); ++i)
            sum += static_cast<double>(result.floats()[i]) * coefficient.floats()[i];
    }
    for (ValueId id : m_penalties)
        sum += read(id).floats()[0];
    return sum;
}

} // namespace gradloom::tests
