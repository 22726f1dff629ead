#include "widgets/model/graph_actions.h"

#include "engine/graph/group_edits.h"
#include "engine/layers/layer_type.h"
#include "engine/project/project.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <set>

namespace gradloom::widgets {

using graph::AddEdge;
using graph::AddNode;
using graph::Composite;
using graph::Edge;
using graph::Graph;
using graph::GraphEdit;
using graph::MoveNode;
using graph::Node;
using graph::Position;
using graph::RemoveEdge;
using graph::RemoveNode;

namespace {

QString text(const char* source)
{
    return QCoreApplication::translate("GraphActions", source);
}

std::string title(const char* source, const std::string& layer)
{
    const auto* type = layers::layerTypes().find(layer);
    return text(source).arg(QString::fromStdString(type ? type->title : layer)).toStdString();
}

/// Collects edits while a copy of the graph follows them, so that fresh ids and free ports are right.
class Plan
{
public:
    explicit Plan(const Graph& graph) : m_graph(graph) {}

    const Graph& graph() const { return m_graph; }

    bool add(GraphEdit edit)
    {
        if (!graph::apply(m_graph, edit))
            return false;
        m_edits.push_back(std::move(edit));
        return true;
    }
    std::string addNode(const std::string& type, Position place, Params params = {})
    {
        Node node{m_graph.freshId(type), type, std::move(params), place};
        std::string id = node.id;
        add({AddNode{std::move(node)}, {}});
        return id;
    }
    void connect(const std::string& from, int fromPort, const std::string& to, int toPort)
    {
        add({AddEdge{{from, fromPort, to, toPort}}, {}});
    }
    /// A node between others of one group belongs to it too.
    void joinGroup(const std::string& node, const std::string& before, const std::string& behind)
    {
        const graph::Group* group = m_graph.groupOf(before);
        if (group && group == m_graph.groupOf(behind))
            add(graph::moveToGroup(m_graph, {node}, group->id, {}));
    }
    GraphEdit take(std::string title)
    {
        if (m_edits.size() == 1) {
            m_edits.front().title = std::move(title);
            return std::move(m_edits.front());
        }
        return {Composite{std::move(m_edits)}, std::move(title)};
    }

private:
    Graph m_graph;
    std::vector<GraphEdit> m_edits;
};

bool hasInput(const std::string& type)
{
    const auto* known = layers::layerTypes().find(type);
    return known && !known->inputs.empty();
}

bool hasOutput(const std::string& type)
{
    const auto* known = layers::layerTypes().find(type);
    return known && !known->outputs.empty();
}

/// The end of the drawing that was made last: a node whose output nobody reads.
std::string lastOpenEnd(const Graph& graph)
{
    for (auto it = graph.nodes.rbegin(); it != graph.nodes.rend(); ++it) {
        const bool read = std::any_of(
            graph.edges.begin(), graph.edges.end(), [&](const Edge& edge) { return edge.from == it->id; });
        if (!read && hasOutput(it->type))
            return it->id;
    }
    return {};
}

std::vector<Edge> edgesOutOf(const Graph& graph, const std::string& node)
{
    std::vector<Edge> out;
    for (const auto& edge : graph.edges)
        if (edge.from == node && edge.fromPort == 0)
            out.push_back(edge);
    return out;
}

/// Moves what stands in the new node's way in its row to the right.
void makeRoom(Plan& plan, const std::string& fresh, const NodeSizes& sizes)
{
    const Node* added = plan.graph().find(fresh);
    if (!added)
        return;
    const double right = added->position.x + 160 + nodeGap;
    double shift = 0;
    std::vector<const Node*> behind;
    for (const auto& node : plan.graph().nodes) {
        const QSizeF size = sizes(node.id);
        const bool inRow = std::abs(node.position.y - added->position.y) < 60;
        if (node.id == fresh || !inRow || node.position.x + size.width() <= added->position.x)
            continue;
        behind.push_back(&node);
        shift = std::max(shift, right - node.position.x);
    }
    std::vector<GraphEdit> moves;
    for (const Node* node : behind)
        moves.push_back(
            {MoveNode{node->id, {node->position.x + std::ceil(shift / 10) * 10, node->position.y}}, {}});
    if (shift > 0)
        for (auto& move : moves)
            plan.add(std::move(move));
}

Position freePlace(const Graph& graph, Position place, const NodeSizes& sizes)
{
    const auto taken = [&](const Node& node) {
        const QSizeF size = sizes(node.id);
        return place.x < node.position.x + size.width() + 20 && place.x + 140 > node.position.x &&
               place.y < node.position.y + size.height() + 20 && place.y + 60 > node.position.y;
    };
    for (int tries = 0; tries < 200; ++tries) {
        if (std::none_of(graph.nodes.begin(), graph.nodes.end(), taken))
            break;
        place.y += 20;
    }
    return place;
}

} // namespace

bool canBeInserted(const std::string& type)
{
    return hasInput(type) && hasOutput(type);
}

AddedNodes addLayer(const Graph& graph, const std::string& type, Position place)
{
    Plan plan(graph);
    std::string id = plan.addNode(type, place);
    return {plan.take(title("Add %1", type)), {id}};
}

AddedNodes addConnectedLayer(const Graph& graph, const std::string& type, Position place, Edge openEdge)
{
    Plan plan(graph);
    std::string id = plan.addNode(type, place);
    if (openEdge.to.empty() && hasInput(type))
        plan.connect(openEdge.from, openEdge.fromPort, id, 0);
    else if (openEdge.from.empty() && hasOutput(type))
        plan.connect(id, 0, openEdge.to, openEdge.toPort);
    return {plan.take(title("Add %1", type)), {id}};
}

AddedNodes insertLayer(const Graph& graph, const std::string& type, const Edge& edge, Position place)
{
    Plan plan(graph);
    std::string id = plan.addNode(type, place);
    plan.add({RemoveEdge{edge}, {}});
    plan.connect(edge.from, edge.fromPort, id, 0);
    plan.connect(id, 0, edge.to, edge.toPort);
    plan.joinGroup(id, edge.from, edge.to);
    return {plan.take(title("Insert %1", type)), {id}};
}

AddedNodes appendLayer(
    const Graph& graph, const std::string& type, const std::string& after, const NodeSizes& sizes)
{
    const Node* previous = graph.find(after.empty() ? lastOpenEnd(graph) : after);
    if (!previous || !hasInput(type) || !hasOutput(previous->type)) {
        Position place{0, 0};
        for (const auto& node : graph.nodes)
            place = {node.position.x, node.position.y + sizes(node.id).height() + 40};
        return addLayer(graph, type, freePlace(graph, place, sizes));
    }
    Position place{previous->position.x + sizes(previous->id).width() + nodeGap, previous->position.y};
    place.x = std::ceil(place.x / 10) * 10;
    Plan plan(graph);
    const std::string from = previous->id;
    const auto followers = edgesOutOf(graph, from);
    const bool between = !followers.empty() && hasOutput(type);
    if (!between)
        place = freePlace(graph, place, sizes);
    std::string id = plan.addNode(type, place);
    for (const auto& edge : followers)
        if (between)
            plan.add({RemoveEdge{edge}, {}});
    plan.connect(from, 0, id, 0);
    if (between) {
        for (const auto& edge : followers)
            plan.connect(id, 0, edge.to, edge.toPort);
        plan.joinGroup(id, from, followers.front().to);
        makeRoom(plan, id, sizes);
    }
    return {plan.take(title("Add %1", type)), {id}};
}

GraphEdit removeParts(
    const Graph& graph, const std::vector<std::string>& nodes, const std::vector<Edge>& edges)
{
    Plan plan(graph);
    for (const auto& edge : edges)
        plan.add({RemoveEdge{edge}, {}});
    for (const auto& id : nodes) {
        const Graph& now = plan.graph();
        std::vector<Edge> in;
        for (const auto& edge : now.edges)
            if (edge.to == id)
                in.push_back(edge);
        const auto out = edgesOutOf(now, id);
        const auto all = std::count_if(now.edges.begin(), now.edges.end(),
            [&](const Edge& edge) { return edge.from == id || edge.to == id; });
        plan.add({RemoveNode{id}, {}});
        if (in.size() == 1 && !out.empty() && static_cast<size_t>(all) == 1 + out.size())
            for (const auto& edge : out)
                plan.connect(in[0].from, in[0].fromPort, edge.to, edge.toPort);
    }
    const std::string what =
        nodes.size() == 1 && graph.find(nodes[0]) ? title("Delete %1", graph.find(nodes[0])->type)
        : nodes.empty() ? text(edges.size() == 1 ? "Delete connection" : "Delete connections").toStdString()
                        : text("Delete %1 layers").arg(nodes.size()).toStdString();
    return plan.take(what);
}

QByteArray copyText(const Graph& graph, const std::vector<std::string>& nodes)
{
    const std::set<std::string> chosen(nodes.begin(), nodes.end());
    project::Project part;
    for (const auto& node : graph.nodes)
        if (chosen.count(node.id))
            part.graph.nodes.push_back(node);
    for (const auto& edge : graph.edges)
        if (chosen.count(edge.from) && chosen.count(edge.to))
            part.graph.edges.push_back(edge);
    for (const auto& group : graph.groups)
        if (std::all_of(
                group.nodes.begin(), group.nodes.end(), [&](const auto& id) { return chosen.count(id); }))
            part.graph.groups.push_back(group);
    return QByteArray::fromStdString(project::formatProject(part));
}

std::optional<AddedNodes> pasteText(const Graph& graph, const QByteArray& bytes, Position offset)
{
    const auto part = project::parseProject(bytes.toStdString(), "clipboard");
    if (!part || part->graph.nodes.empty())
        return std::nullopt;
    Plan plan(graph);
    std::map<std::string, std::string> fresh;
    AddedNodes added;
    for (const auto& node : part->graph.nodes) {
        const Position place{node.position.x + offset.x, node.position.y + offset.y};
        fresh[node.id] = plan.addNode(node.type, place, node.params);
        added.ids.push_back(fresh[node.id]);
    }
    for (const auto& edge : part->graph.edges)
        plan.connect(fresh[edge.from], edge.fromPort, fresh[edge.to], edge.toPort);
    auto groups = plan.graph().groups;
    for (graph::Group group : part->graph.groups) {
        for (auto& node : group.nodes)
            node = fresh[node];
        Graph soFar;
        soFar.groups = groups;
        group.id = graph::freshGroupId(soFar);
        groups.push_back(std::move(group));
    }
    if (groups.size() > plan.graph().groups.size())
        plan.add({graph::SetGroups{std::move(groups)}, {}});
    added.edit =
        plan.take(added.ids.size() == 1 ? title("Paste %1", part->graph.nodes[0].type)
                                        : text("Paste %1 layers").arg(added.ids.size()).toStdString());
    return added;
}

} // namespace gradloom::widgets
