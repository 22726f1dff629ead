#include "engine/graph/group_edits.h"

#include <algorithm>

namespace gradloom::graph {

namespace {

/// The groups without these nodes, and without those that have lost their last one.
std::vector<Group> without(std::vector<Group> groups, const std::vector<std::string>& nodes)
{
    std::erase_if(groups, [&](Group& group) {
        const auto taken = std::erase_if(group.nodes, [&](const std::string& node) {
            return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
        });
        return taken > 0 && group.nodes.empty();
    });
    return groups;
}

} // namespace

std::string freshGroupId(const Graph& graph)
{
    size_t number = 1;
    while (graph.findGroup("group_" + std::to_string(number)))
        ++number;
    return "group_" + std::to_string(number);
}

GraphEdit groupNodes(
    const Graph& graph, const std::vector<std::string>& nodes, std::string name, std::string title)
{
    auto groups = without(graph.groups, nodes);
    groups.push_back({freshGroupId(graph), std::move(name), nodes});
    return {SetGroups{std::move(groups)}, std::move(title), false};
}

GraphEdit ungroup(const Graph& graph, const std::vector<std::string>& groups, std::string title)
{
    auto kept = graph.groups;
    std::erase_if(kept, [&](const Group& group) {
        return std::find(groups.begin(), groups.end(), group.id) != groups.end();
    });
    return {SetGroups{std::move(kept)}, std::move(title), false};
}

GraphEdit changeGroup(const Graph& graph, const Group& changed, std::string title)
{
    auto groups = graph.groups;
    for (Group& group : groups)
        if (group.id == changed.id)
            group = changed;
    return {SetGroups{std::move(groups)}, std::move(title), false};
}

GraphEdit moveToGroup(
    const Graph& graph, const std::vector<std::string>& nodes, const std::string& group, std::string title)
{
    // Those that are in it already keep their places.
    std::vector<std::string> moved;
    for (const std::string& node : nodes)
        if (const Group* now = graph.groupOf(node); group.empty() || !now || now->id != group)
            moved.push_back(node);
    auto groups = without(graph.groups, moved);
    for (Group& target : groups)
        if (target.id == group)
            target.nodes.insert(target.nodes.end(), moved.begin(), moved.end());
    return {SetGroups{std::move(groups)}, std::move(title), false};
}

} // namespace gradloom::graph
