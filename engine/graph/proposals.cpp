#include "engine/graph/proposals.h"

#include "engine/graph/compose.h"
#include "engine/graph/ports.h"

#include <algorithm>
#include <cmath>

namespace gradloom::graph {

namespace {

/// What most drawings end with; proposed first where it fits.
constexpr std::string_view usualLoss = "cross_entropy";

/// A layer may propose what cannot be done here, for example an option out of range: tried on a copy.
std::vector<Proposal> onlyPossible(const Graph& graph, std::vector<Proposal> proposals)
{
    std::erase_if(proposals, [&](const Proposal& proposal) {
        Graph copy = graph;
        return !apply(copy, proposal.edit).ok();
    });
    return proposals;
}

/// Nodes whose result nobody uses.
std::vector<const Node*> freeEnds(const Graph& graph)
{
    std::vector<const Node*> ends;
    for (const Node& node : graph.nodes) {
        const auto* type = typeOf(node);
        const bool feeds = type && !type->outputs.empty() && node.type != labelsType;
        if (feeds && !graph.isUsed(node.id))
            ends.push_back(&node);
    }
    return ends;
}

double distance(const Node& a, const Node& b)
{
    return std::hypot(a.position.x - b.position.x, a.position.y - b.position.y);
}

} // namespace

std::vector<Proposal> repairProposals(
    const Graph& graph, const Node& node, std::span<const layers::Repair> repairs)
{
    std::vector<Proposal> proposals;
    for (const layers::Repair& repair : repairs) {
        if (repair.kind == layers::Repair::Kind::SetParameter) {
            proposals.push_back(
                {repair.title, {SetParameter{node.id, repair.key, repair.value}, repair.title, false}});
            continue;
        }
        // Ports of a layer with any number of inputs are counted without the empty ones.
        const auto edges = inputEdges(graph, node);
        const auto index = static_cast<size_t>(repair.port);
        const int port = index < edges.size() && edges[index] ? edges[index]->toPort : repair.port;
        proposals.push_back(
            {repair.title, insertBefore(graph, node.id, port, repair.layer, repair.params, repair.title)});
    }
    return onlyPossible(graph, std::move(proposals));
}

std::vector<Proposal> optionProposals(const Graph& graph, const Node& node)
{
    const auto* type = typeOf(node);
    if (!type)
        return {};
    Composite resets;
    std::string keys;
    for (const auto& [key, value] : node.params)
        if (!checkOption(*type, key, value, node.id)) {
            resets.edits.push_back({SetParameter{node.id, key, {}, true}, {}, false});
            keys += (keys.empty() ? "" : ", ") + key;
        }
    const std::string title = "Use the default of " + keys;
    return onlyPossible(graph, {{title, {std::move(resets), title, false}}});
}

std::vector<Proposal> connectProposals(const Graph& graph, const Node& node, int port)
{
    auto ends = freeEnds(graph);
    std::erase_if(ends, [&](const Node* end) { return !canConnect(graph, {end->id, 0, node.id, port}); });
    auto nearest = std::min_element(ends.begin(), ends.end(),
        [&](const Node* a, const Node* b) { return distance(*a, node) < distance(*b, node); });
    if (nearest == ends.end())
        return {};
    const std::string title = "Connect " + (*nearest)->id;
    return {{title, {AddEdge{{(*nearest)->id, 0, node.id, port}}, title, false}}};
}

std::vector<Proposal> removeProposals(const Graph& graph, const Node& node)
{
    const std::string title = "Remove " + node.id;
    return onlyPossible(graph, {{title, {RemoveNode{node.id}, title, false}}});
}

std::vector<Proposal> cycleProposals(const Graph& graph, const std::vector<Edge>& cycle)
{
    const Edge& last = cycle.back();
    const std::string title = "Disconnect " + last.from + " from " + last.to;
    return onlyPossible(graph, {{title, {RemoveEdge{last}, title, false}}});
}

std::vector<Proposal> inputProposals(const Graph& graph)
{
    Node input{graph.freshId(std::string(inputType)), std::string(inputType), {}, {}};
    if (!graph.nodes.empty()) {
        auto leftmost = std::min_element(graph.nodes.begin(), graph.nodes.end(),
            [](const Node& a, const Node& b) { return a.position.x < b.position.x; });
        input.position = {leftmost->position.x - columnWidth, leftmost->position.y};
    }
    return onlyPossible(graph, {{"Add Input", {AddNode{input, 0}, "Add Input", false}}});
}

std::vector<Proposal> mergeInputsProposals(const Graph& graph, const Node& first, const Node& surplus)
{
    Composite edits;
    for (const Edge& edge : graph.edges)
        if (edge.from == surplus.id)
            edits.edits.push_back({AddEdge{{first.id, edge.fromPort, edge.to, edge.toPort}}, {}, false});
    edits.edits.push_back({RemoveNode{surplus.id}, {}, false});
    const std::string title = "Use " + first.id + " instead of " + surplus.id;
    return onlyPossible(graph, {{title, {std::move(edits), title, false}}});
}

std::vector<Proposal> lossProposals(const Graph& graph, const Analysis& analysis, const TensorType& labels)
{
    auto ends = freeEnds(graph);
    std::erase_if(ends, [&](const Node* end) { return typeOf(*end)->role != layers::Role::Layer; });
    if (ends.size() != 1)
        return {};
    const auto info = analysis.nodes.find(ends[0]->id);
    if (info == analysis.nodes.end() || info->second.outputs.empty())
        return {};

    std::vector<Proposal> proposals;
    for (const auto& type : layers::layerTypes().all()) {
        if (type.role != layers::Role::Loss || type.inputs.size() < 2 || !takesLabels(type, 1))
            continue;
        const auto params = completeOptions(type, {}, type.id);
        std::vector inputs{info->second.outputs[0], labels};
        inputs.resize(type.inputs.size());
        if (!params || type.infer(*params, inputs).fault)
            continue;
        const std::string title = "Add " + type.title;
        Proposal proposal{title, appendAfter(graph, ends[0]->id, type.id, {}, title)};
        proposals.insert(type.id == usualLoss ? proposals.begin() : proposals.end(), std::move(proposal));
    }
    return onlyPossible(graph, std::move(proposals));
}

} // namespace gradloom::graph
