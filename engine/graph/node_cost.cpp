#include "engine/graph/node_cost.h"

#include "engine/graph/ports.h"

#include <limits>

namespace gradloom::graph {

namespace {

int64_t saturatingAdd(int64_t a, int64_t b)
{
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    return a > most - b ? most : a + b;
}

std::vector<ir::ValueId> makeInputs(
    ir::Builder& builder, const layers::LayerType& type, std::span<const TensorType> inputs)
{
    std::vector<ir::ValueId> values;
    for (size_t port = 0; port < inputs.size(); ++port) {
        const bool declared = !type.variadic && port < type.inputs.size();
        const bool absent = declared && type.inputs[port].optional && inputs[port].shape.rank() == 0 &&
                            inputs[port].dtype == DType::F32;
        const TensorType one{inputs[port].shape.prepended(1), inputs[port].dtype};
        values.push_back(absent ? ir::noValue : builder.input("in" + std::to_string(port), one));
    }
    return values;
}

Result<int64_t> countWeights(const Node& node, const ir::Program& program)
{
    int64_t weights = 0;
    for (const ir::Value& value : program.values) {
        if (value.segment != ir::Segment::Parameters)
            continue;
        auto shape = Shape::checked(value.type.shape.toVector());
        if (!shape || shape->elements() > maxLayerWeights - weights)
            return invalidArgument(describe(node) + " would have more than 2,147,483,648 weights. Make it "
                                                    "smaller, or make what goes into it smaller.",
                node.id);
        weights += shape->elements();
    }
    return weights;
}

} // namespace

Result<NodeCost> costOf(const Node& node, const layers::LayerType& type, const Params& params,
    std::span<const TensorType> inputs, std::span<const TensorType> outputs)
{
    ir::Builder builder;
    builder.setNode(node.id);
    layers::LowerContext context(builder, node.id, false);
    context.params = params;
    // Frozen weights go among the tensors that are not trained, where running statistics are too. Counted as
    // if they were trained, the two can be told apart.
    if (params.has("frozen"))
        context.params.set("frozen", false);
    context.inputs = makeInputs(builder, type, inputs);
    context.outputTypes.assign(outputs.begin(), outputs.end());
    type.lower(context);

    auto weights = countWeights(node, builder.program());
    if (!weights)
        return weights.error();
    NodeCost cost{*weights, 0};
    for (const ir::Op& op : builder.program().ops)
        cost.flops = saturatingAdd(cost.flops, ir::flopsOf(builder.program(), op));
    return cost;
}

} // namespace gradloom::graph
