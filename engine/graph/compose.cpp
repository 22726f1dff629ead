#include "engine/graph/compose.h"

#include "engine/graph/group_edits.h"
#include "engine/graph/ports.h"

#include <cmath>

namespace gradloom::graph {

namespace {

/// Nodes whose heights differ by less stand in one row.
constexpr double rowHeight = 60;

bool sameRow(const Position& a, const Position& b)
{
    return std::abs(a.y - b.y) < rowHeight;
}

/// Where a node between `source` and `node` goes; moves `node` and what stands behind it when there is no
/// room.
Position makeRoom(const Graph& graph, const Node* source, const Node& node, Composite& edits)
{
    const bool neighbours = source && sameRow(source->position, node.position);
    if (neighbours && node.position.x - source->position.x >= 2 * columnWidth)
        return {(source->position.x + node.position.x) / 2, node.position.y};
    for (const Node& other : graph.nodes)
        if (sameRow(other.position, node.position) && other.position.x >= node.position.x &&
            other.position.x + columnWidth <= maxCoordinate)
            edits.edits.push_back(
                {MoveNode{other.id, {other.position.x + columnWidth, other.position.y}}, {}, false});
    return node.position;
}

} // namespace

GraphEdit insertBefore(const Graph& graph, const std::string& node, int port, const std::string& layer,
    const Params& params, std::string title)
{
    const Node& target = *graph.find(node);
    const Edge* edge = graph.edgeInto(node, port);
    const Node* source = edge ? graph.find(edge->from) : nullptr;
    Composite edits;
    Node fresh{graph.freshId(layer), layer, params, {}};
    fresh.position = makeRoom(graph, source, target, edits);
    edits.edits.push_back({AddNode{fresh}, {}, false});
    if (source)
        edits.edits.push_back({AddEdge{{edge->from, edge->fromPort, fresh.id, 0}}, {}, false});
    edits.edits.push_back({AddEdge{{fresh.id, 0, node, port}}, {}, false});
    const Group* group = graph.groupOf(node);
    if (group && (!source || graph.groupOf(source->id) == group))
        edits.edits.push_back(moveToGroup(graph, {fresh.id}, group->id, {}));
    return {std::move(edits), std::move(title), false};
}

GraphEdit appendAfter(const Graph& graph, const std::string& node, const std::string& layer,
    const Params& params, std::string title)
{
    const Node& source = *graph.find(node);
    Node fresh{graph.freshId(layer), layer, params, {source.position.x + columnWidth, source.position.y}};
    Composite edits;
    edits.edits.push_back({AddNode{fresh}, {}, false});
    edits.edits.push_back({AddEdge{{node, 0, fresh.id, 0}}, {}, false});
    return {std::move(edits), std::move(title), false};
}

GraphEdit removeNodes(const std::vector<std::string>& nodes, std::string title)
{
    Composite edits;
    for (const std::string& node : nodes)
        edits.edits.push_back({RemoveNode{node}, {}, false});
    return {std::move(edits), std::move(title), false};
}

} // namespace gradloom::graph
