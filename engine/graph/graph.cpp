#include "engine/graph/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <unordered_map>

namespace gradloom::graph {

namespace {

/// Places of nodes by id and the edges that leave each; edges to nodes that are not there are left out.
struct Neighbours
{
    explicit Neighbours(const Graph& graph) : leaving(graph.nodes.size())
    {
        for (size_t i = 0; i < graph.nodes.size(); ++i)
            place.emplace(graph.nodes[i].id, i);
        for (size_t i = 0; i < graph.edges.size(); ++i) {
            auto from = place.find(graph.edges[i].from);
            auto to = place.find(graph.edges[i].to);
            if (from != place.end() && to != place.end())
                leaving[from->second].push_back({to->second, i});
        }
    }

    struct Step
    {
        size_t node;
        size_t edge;
    };
    std::unordered_map<std::string_view, size_t> place;
    std::vector<std::vector<Step>> leaving;
};

} // namespace

const Node* Graph::find(std::string_view id) const
{
    auto it = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.id == id; });
    return it == nodes.end() ? nullptr : &*it;
}

Node* Graph::find(std::string_view id)
{
    return const_cast<Node*>(std::as_const(*this).find(id));
}

const Edge* Graph::edgeInto(std::string_view node, int port) const
{
    auto it = std::find_if(
        edges.begin(), edges.end(), [&](const Edge& edge) { return edge.toPort == port && edge.to == node; });
    return it == edges.end() ? nullptr : &*it;
}

bool Graph::isUsed(std::string_view node, int port) const
{
    return std::any_of(edges.begin(), edges.end(),
        [&](const Edge& edge) { return edge.fromPort == port && edge.from == node; });
}

std::string Graph::freshId(const std::string& type) const
{
    std::set<std::string_view> taken;
    for (const Node& node : nodes)
        taken.insert(node.id);
    std::string id;
    for (size_t number = 1; id.empty() || taken.contains(id); ++number)
        id = type + "_" + std::to_string(number);
    return id;
}

const Group* Graph::findGroup(std::string_view id) const
{
    auto it = std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.id == id; });
    return it == groups.end() ? nullptr : &*it;
}

const Group* Graph::groupOf(std::string_view node) const
{
    auto it = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
        return std::find(group.nodes.begin(), group.nodes.end(), node) != group.nodes.end();
    });
    return it == groups.end() ? nullptr : &*it;
}

Status checkId(const std::string& id)
{
    auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    };
    if (id.empty() || id.size() > 64)
        return invalidArgument("a name needs 1 to 64 characters.");
    if (!std::all_of(id.begin(), id.end(), allowed))
        return invalidArgument("the name \"" + id + "\" may only have letters, digits, \"_\" and \"-\".");
    return {};
}

std::vector<size_t> topologicalOrder(const Graph& graph)
{
    const Neighbours neighbours(graph);
    std::vector<int> missing(graph.nodes.size(), 0);
    for (const auto& steps : neighbours.leaving)
        for (const auto& step : steps)
            ++missing[step.node];

    std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
    for (size_t i = 0; i < missing.size(); ++i)
        if (missing[i] == 0)
            ready.push(i);

    std::vector<size_t> order;
    while (!ready.empty()) {
        const size_t node = ready.top();
        ready.pop();
        order.push_back(node);
        for (const auto& step : neighbours.leaving[node])
            if (--missing[step.node] == 0)
                ready.push(step.node);
    }
    return order;
}

std::vector<Edge> findCycle(const Graph& graph)
{
    const Neighbours neighbours(graph);
    enum class Mark { New, Open, Done };
    std::vector<Mark> marks(graph.nodes.size(), Mark::New);
    struct Visit
    {
        size_t node;
        size_t next = 0; ///< which of its edges to follow next
    };
    // Depth first with a stack of its own: a long chain in a file must not exhaust the thread's stack.
    for (size_t start = 0; start < marks.size(); ++start) {
        std::vector<Visit> path;
        if (marks[start] == Mark::New)
            path.push_back({start});
        while (!path.empty()) {
            Visit& visit = path.back();
            marks[visit.node] = Mark::Open;
            const auto& steps = neighbours.leaving[visit.node];
            if (visit.next == steps.size()) {
                marks[visit.node] = Mark::Done;
                path.pop_back();
                continue;
            }
            const size_t node = steps[visit.next++].node;
            if (marks[node] == Mark::New)
                path.push_back({node});
            if (marks[node] != Mark::Open)
                continue;
            std::vector<Edge> cycle;
            auto first =
                std::find_if(path.begin(), path.end(), [&](const Visit& v) { return v.node == node; });
            for (; first != path.end(); ++first)
                cycle.push_back(graph.edges[neighbours.leaving[first->node][first->next - 1].edge]);
            return cycle;
        }
    }
    return {};
}

bool reaches(const Graph& graph, std::string_view from, std::string_view to)
{
    const Neighbours neighbours(graph);
    auto start = neighbours.place.find(from);
    auto goal = neighbours.place.find(to);
    if (start == neighbours.place.end() || goal == neighbours.place.end())
        return false;
    std::vector<bool> seen(graph.nodes.size(), false);
    std::vector<size_t> open{start->second};
    while (!open.empty()) {
        const size_t node = open.back();
        open.pop_back();
        if (node == goal->second)
            return true;
        if (seen[node])
            continue;
        seen[node] = true;
        for (const auto& step : neighbours.leaving[node])
            open.push_back(step.node);
    }
    return false;
}

} // namespace gradloom::graph
