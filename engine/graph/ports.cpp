#include "engine/graph/ports.h"

#include "engine/tensor/shape.h"

#include <algorithm>

namespace gradloom::graph {

const layers::LayerType* typeOf(const Node& node)
{
    return layers::layerTypes().find(node.type);
}

std::string describe(const Node& node)
{
    const auto* type = typeOf(node);
    return type ? type->title + " " + node.id : node.id;
}

int inputPorts(const Graph& graph, const Node& node)
{
    const auto* type = typeOf(node);
    if (!type)
        return 0;
    if (!type->variadic)
        return static_cast<int>(type->inputs.size());
    int highest = 0;
    for (const Edge& edge : graph.edges)
        if (edge.to == node.id)
            highest = std::max(highest, edge.toPort);
    const bool first = graph.edgeInto(node.id, highest) == nullptr;
    return std::min(maxInputs, std::max(2, highest + (first ? 1 : 2)));
}

int outputPorts(const Node& node)
{
    const auto* type = typeOf(node);
    return type ? static_cast<int>(type->outputs.size()) : 0;
}

std::string inputPortName(const Node& node, int port)
{
    const auto* type = typeOf(node);
    if (type && !type->variadic && port >= 0 && port < static_cast<int>(type->inputs.size()))
        return type->inputs[static_cast<size_t>(port)].name;
    return "in " + std::to_string(port + 1);
}

std::vector<const Edge*> inputEdges(const Graph& graph, const Node& node)
{
    const auto* type = typeOf(node);
    if (!type)
        return {};
    std::vector<const Edge*> edges;
    if (type->variadic) {
        for (const Edge& edge : graph.edges)
            if (edge.to == node.id)
                edges.push_back(&edge);
        std::stable_sort(
            edges.begin(), edges.end(), [](const Edge* a, const Edge* b) { return a->toPort < b->toPort; });
        return edges;
    }
    for (int port = 0; port < static_cast<int>(type->inputs.size()); ++port)
        edges.push_back(graph.edgeInto(node.id, port));
    return edges;
}

bool takesLabels(const layers::LayerType& type, int port)
{
    if (type.role != layers::Role::Loss || type.variadic || port < 0 ||
        port >= static_cast<int>(type.inputs.size()))
        return false;
    const layers::Port& declared = type.inputs[static_cast<size_t>(port)];
    return declared.optional && declared.name == "target";
}

std::optional<std::string> judgedTarget(const Graph& graph, const Node& node)
{
    const auto* type = typeOf(node);
    for (int port = 0; type && port < static_cast<int>(type->inputs.size()); ++port) {
        if (!takesLabels(*type, port))
            continue;
        const Edge* edge = graph.edgeInto(node.id, port);
        if (!edge)
            return std::string();
        const Node* from = graph.find(edge->from);
        return from && from->type == labelsType ? std::optional(from->params.textOr("target", "")) : std::nullopt;
    }
    return {};
}

std::optional<std::string> judgedTarget(const Graph& graph)
{
    for (const size_t index : topologicalOrder(graph)) {
        const auto* type = typeOf(graph.nodes[index]);
        const bool judges = type && type->role == layers::Role::Loss && type->inputs.size() > 1 && takesLabels(*type, 1);
        if (judges)
            return judgedTarget(graph, graph.nodes[index]);
    }
    return {};
}

Result<ParamValue> checkOption(
    const layers::LayerType& type, const std::string& key, const ParamValue& value, const std::string& where)
{
    auto spec = std::find_if(
        type.parameters.begin(), type.parameters.end(), [&](const ParamSpec& s) { return s.key == key; });
    if (spec == type.parameters.end())
        return invalidArgument(where + ": " + type.title + " has no option \"" + key + "\".");
    auto checked = checkParam(*spec, value, where);
    if (!checked || spec->kind != ParamKind::Shape)
        return checked;
    if (auto shape = Shape::checked(std::get<std::vector<int64_t>>(*checked)); !shape)
        return invalidArgument(where + ": " + spec->title + ": " + shape.error().message);
    return checked;
}

Result<Params> completeOptions(const layers::LayerType& type, const Params& given, const std::string& where)
{
    Params complete;
    for (const ParamSpec& spec : type.parameters)
        complete.set(spec.key, spec.defaultValue);
    for (const auto& [key, value] : given) {
        auto checked = checkOption(type, key, value, where);
        if (!checked)
            return checked.error();
        complete.set(key, *checked);
    }
    return complete;
}

} // namespace gradloom::graph
