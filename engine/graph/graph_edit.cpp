#include "engine/graph/graph_edit.h"

#include "engine/graph/ports.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace gradloom::graph {

namespace {

using Change = GraphEdit::Change;

Error noSuchNode(const std::string& id)
{
    return invalidArgument("There is no node \"" + id + "\" in the drawing.", id);
}

Status checkPosition(const Position& position, const std::string& id)
{
    const bool inside = std::abs(position.x) <= maxCoordinate && std::abs(position.y) <= maxCoordinate;
    return inside ? Status()
                  : invalidArgument(id + " cannot be placed so far away from the other nodes.", id);
}

Status checkNewNode(const Graph& graph, const Node& node)
{
    if (auto status = checkId(node.id); !status)
        return invalidArgument("The node cannot be added: " + status.error().message, node.id);
    if (graph.find(node.id))
        return invalidArgument("There is already a node \"" + node.id + "\"; choose another name.", node.id);
    const auto* type = typeOf(node);
    if (!type)
        return invalidArgument("There is no layer \"" + node.type + "\".", node.id);
    if (auto complete = completeOptions(*type, node.params, node.id); !complete)
        return invalidArgument(complete.error().message, node.id);
    return checkPosition(node.position, node.id);
}

/// One group by itself, and that no other one has its nodes: `taken` says which group has a node.
Status checkGroup(const Graph& graph, const Group& group, std::map<std::string, std::string>& taken)
{
    if (auto status = checkId(group.id); !status)
        return invalidArgument("A block cannot be named so: " + status.error().message);
    if (group.title.size() > maxTitleBytes)
        return invalidArgument("The title of a block may have " + std::to_string(maxTitleBytes) +
                               " bytes at most but this one has " + std::to_string(group.title.size()) + ".");
    if (group.repeat < 1 || group.repeat > maxRepeat)
        return invalidArgument("A block is repeated 1 to " + std::to_string(maxRepeat) + " times, not " +
                               std::to_string(group.repeat) + ".");
    for (const std::string& node : group.nodes) {
        if (!graph.find(node))
            return noSuchNode(node);
        const auto [other, fresh] = taken.emplace(node, group.id);
        if (!fresh && other->second == group.id)
            return invalidArgument("The block \"" + group.id + "\" names " + node + " twice.", node);
        if (!fresh)
            return invalidArgument(
                node + " cannot be in two blocks, \"" + other->second + "\" and \"" + group.id + "\".", node);
    }
    return {};
}

Status checkGroups(const Graph& graph, const std::vector<Group>& groups)
{
    std::set<std::string> ids;
    std::map<std::string, std::string> taken;
    for (const Group& group : groups) {
        if (auto status = checkGroup(graph, group, taken); !status)
            return status;
        if (!ids.insert(group.id).second)
            return invalidArgument("There are two blocks \"" + group.id + "\"; every name may occur once.");
    }
    return {};
}

/// Applies one kind of change each and returns what takes it back.
struct Applier
{
    Graph& graph;
    bool restoring;

    Result<Change> operator()(const AddNode& change) const
    {
        if (!restoring)
            if (auto status = checkNewNode(graph, change.node); !status)
                return status.error();
        Node node = change.node;
        // Kept in the declared form (0 for a real becomes 0.0), so that files read back the same.
        if (const auto* type = typeOf(node); type && !restoring)
            for (const auto& [key, value] : change.node.params)
                node.params.set(key, *checkOption(*type, key, value, node.id));
        const size_t index = std::min(change.index, graph.nodes.size());
        graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(index), std::move(node));
        return Change(RemoveNode{change.node.id});
    }

    Result<Change> operator()(const RemoveNode& change) const
    {
        const Node* node = graph.find(change.id);
        if (!node)
            return noSuchNode(change.id);
        const auto index = static_cast<size_t>(node - graph.nodes.data());
        Composite inverse;
        inverse.edits.push_back({AddNode{*node, index}, {}, true});
        for (size_t i = 0; i < graph.edges.size(); ++i)
            if (touches(graph.edges[i], change.id))
                inverse.edits.push_back({AddEdge{graph.edges[i], i}, {}, true});
        if (std::any_of(graph.groups.begin(), graph.groups.end(),
                [&](const Group& g) { return std::count(g.nodes.begin(), g.nodes.end(), change.id) > 0; }))
            inverse.edits.push_back({SetGroups{graph.groups}, {}, true});

        std::erase_if(graph.edges, [&](const Edge& edge) { return touches(edge, change.id); });
        std::erase_if(graph.groups,
            [&](Group& group) { return std::erase(group.nodes, change.id) > 0 && group.nodes.empty(); });
        graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(index));
        return Change(std::move(inverse));
    }

    Result<Change> operator()(const MoveNode& change) const
    {
        Node* node = graph.find(change.id);
        if (!node)
            return noSuchNode(change.id);
        if (auto status = checkPosition(change.position, change.id); !status && !restoring)
            return status.error();
        return Change(MoveNode{change.id, std::exchange(node->position, change.position)});
    }

    Result<Change> operator()(const RenameNode& change) const
    {
        Node* node = graph.find(change.id);
        if (!node)
            return noSuchNode(change.id);
        if (auto status = checkId(change.newId); !status && !restoring)
            return invalidArgument(change.id + " cannot be renamed: " + status.error().message, change.id);
        if (change.newId != change.id && graph.find(change.newId))
            return invalidArgument(
                "There is already a node \"" + change.newId + "\"; choose another name.", change.id);
        node->id = change.newId;
        for (Edge& edge : graph.edges) {
            if (edge.from == change.id)
                edge.from = change.newId;
            if (edge.to == change.id)
                edge.to = change.newId;
        }
        for (Group& group : graph.groups)
            std::replace(group.nodes.begin(), group.nodes.end(), change.id, change.newId);
        return Change(RenameNode{change.newId, change.id});
    }

    Result<Change> operator()(const SetParameter& change) const
    {
        Node* node = graph.find(change.id);
        if (!node)
            return noSuchNode(change.id);
        const ParamValue* old = node->params.find(change.key);
        SetParameter inverse{change.id, change.key, old ? *old : ParamValue(), old == nullptr};
        if (change.reset) {
            node->params.erase(change.key);
            return Change(std::move(inverse));
        }
        if (restoring) {
            node->params.set(change.key, change.value);
            return Change(std::move(inverse));
        }
        const auto* type = typeOf(*node);
        if (!type)
            return invalidArgument("There is no layer \"" + node->type + "\".", change.id);
        auto checked = checkOption(*type, change.key, change.value, change.id);
        if (!checked)
            return invalidArgument(checked.error().message, change.id);
        node->params.set(change.key, *checked);
        return Change(std::move(inverse));
    }

    Result<Change> operator()(const AddEdge& change) const
    {
        if (!restoring)
            if (auto status = canConnect(graph, change.edge); !status)
                return status.error();
        Composite inverse;
        inverse.edits.push_back({RemoveEdge{change.edge}, {}, true});
        if (const Edge* old = graph.edgeInto(change.edge.to, change.edge.toPort); old && !restoring) {
            const auto index = static_cast<size_t>(old - graph.edges.data());
            inverse.edits.push_back({AddEdge{*old, index}, {}, true});
            graph.edges.erase(graph.edges.begin() + static_cast<std::ptrdiff_t>(index));
        }
        const size_t index = std::min(change.index, graph.edges.size());
        graph.edges.insert(graph.edges.begin() + static_cast<std::ptrdiff_t>(index), change.edge);
        if (inverse.edits.size() == 1)
            return std::move(inverse.edits.front().change);
        return Change(std::move(inverse));
    }

    Result<Change> operator()(const RemoveEdge& change) const
    {
        auto it = std::find(graph.edges.begin(), graph.edges.end(), change.edge);
        if (it == graph.edges.end())
            return invalidArgument(
                change.edge.from + " and " + change.edge.to + " are not connected so.", change.edge.to);
        const auto index = static_cast<size_t>(it - graph.edges.begin());
        graph.edges.erase(it);
        return Change(AddEdge{change.edge, index});
    }

    Result<Change> operator()(const SetGroups& change) const
    {
        if (!restoring)
            if (auto status = checkGroups(graph, change.groups); !status)
                return status.error();
        return Change(SetGroups{std::exchange(graph.groups, change.groups)});
    }

    Result<Change> operator()(const Composite& change) const
    {
        Composite inverse;
        for (const GraphEdit& edit : change.edits) {
            auto undone = apply(graph, edit);
            if (undone) {
                inverse.edits.push_back(std::move(*undone));
                continue;
            }
            for (size_t i = inverse.edits.size(); i-- > 0;)
                if (auto back = apply(graph, inverse.edits[i]); !back)
                    throw std::logic_error("an edit could not be taken back: " + back.error().message);
            return undone.error();
        }
        std::reverse(inverse.edits.begin(), inverse.edits.end());
        return Change(std::move(inverse));
    }

private:
    static bool touches(const Edge& edge, const std::string& id) { return edge.from == id || edge.to == id; }
};

Error refused(const Edge& edge, std::string reason)
{
    return invalidArgument(std::move(reason), edge.to);
}

Status checkPorts(const Graph& graph, const Edge& edge)
{
    const Node* from = graph.find(edge.from);
    const Node* to = graph.find(edge.to);
    if (!from || !to)
        return noSuchNode(from ? edge.to : edge.from);
    const auto* source = typeOf(*from);
    const auto* target = typeOf(*to);
    if (!source || !target)
        return refused(edge, "There is no layer \"" + (source ? to->type : from->type) + "\".");
    const int outputs = outputPorts(*from);
    if (outputs == 0)
        return refused(edge, describe(*from) + " ends its path: it has no output.");
    if (edge.fromPort < 0 || edge.fromPort >= outputs)
        return refused(edge, describe(*from) + " has no output port " + std::to_string(edge.fromPort + 1) +
                                 "; it has " + std::to_string(outputs) + ".");
    const int inputs = target->variadic ? maxInputs : static_cast<int>(target->inputs.size());
    if (inputs == 0)
        return refused(edge, describe(*to) + " begins a path: it has no input.");
    if (edge.toPort < 0 || edge.toPort >= inputs)
        return refused(edge, describe(*to) + " has no input port " + std::to_string(edge.toPort + 1) +
                                 "; it has " + std::to_string(inputs) + ".");
    return {};
}

} // namespace

Status canConnect(const Graph& graph, const Edge& edge)
{
    if (auto status = checkPorts(graph, edge); !status)
        return status;
    if (edge.from == edge.to)
        return refused(edge, describe(*graph.find(edge.from)) + " cannot be connected to itself.");
    if (std::find(graph.edges.begin(), graph.edges.end(), edge) != graph.edges.end())
        return refused(edge, edge.from + " is already connected to this port of " + edge.to + ".");
    if (reaches(graph, edge.to, edge.from))
        return refused(edge, "Connecting " + edge.from + " to " + edge.to + " would close a circle: " +
                                 edge.from + " already depends on " + edge.to + ".");
    return {};
}

Result<GraphEdit> apply(Graph& graph, const GraphEdit& edit)
{
    auto inverse = std::visit(Applier{graph, edit.restoring}, edit.change);
    if (!inverse)
        return inverse.error();
    return GraphEdit{std::move(*inverse), edit.title, true};
}

} // namespace gradloom::graph
