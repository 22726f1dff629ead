#include "engine/explain/method_type.h"

#include "engine/graph/analysis.h"
#include "engine/graph/expand.h"

namespace gradloom::explain {

std::vector<MethodType> allMethodTypes();

const Registry<MethodType>& methodTypes()
{
    static const Registry<MethodType> registry(allMethodTypes());
    return registry;
}

std::vector<std::string> convolutionalNodes(const graph::Graph& graph, const layers::TargetTypes& labels)
{
    const graph::Analysis analysis = graph::analyse(graph, labels);
    std::vector<std::string> nodes;
    for (const size_t index : graph::topologicalOrder(analysis.expanded)) {
        const graph::Node& node = analysis.expanded.nodes[index];
        const auto* type = layers::layerTypes().find(node.type);
        const graph::NodeInfo& info = analysis.expandedNodes.at(node.id);
        if (!type || type->role != layers::Role::Layer || info.outputs.empty())
            continue;
        const TensorType& output = info.outputs[0];
        if (output.dtype == DType::F32 && output.shape.rank() == 3 && output.shape[0] * output.shape[1] > 1)
            nodes.push_back(node.id);
    }
    return nodes;
}

std::string defaultLayer(const graph::Graph& graph, const layers::TargetTypes& labels)
{
    const auto nodes = convolutionalNodes(graph, labels);
    for (size_t i = nodes.size(); i-- > 0;) {
        const auto* type = layers::layerTypes().find(graph.find(graph::originOf(graph, nodes[i]).node)->type);
        if (type && type->category == "convolution")
            return nodes[i];
    }
    return nodes.empty() ? std::string() : nodes.back();
}

} // namespace gradloom::explain
