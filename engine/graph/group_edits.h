#pragma once

#include "engine/graph/graph_edit.h"

namespace gradloom::graph {

/// Edits of groups. Nodes and groups that are named must exist; `title` is what undo shows.

/// A group with a free id: "group_2".
std::string freshGroupId(const Graph& graph);

/// Puts nodes into a new group and takes them out of the ones they are in; a group left empty goes.
GraphEdit groupNodes(
    const Graph& graph, const std::vector<std::string>& nodes, std::string name, std::string title);

/// Takes groups away; their nodes stay.
GraphEdit ungroup(const Graph& graph, const std::vector<std::string>& groups, std::string title);

/// Gives the group with the same id this title, repetition, state and these nodes.
GraphEdit changeGroup(const Graph& graph, const Group& changed, std::string title);

/// Puts nodes into a group, or, where `group` is empty, takes them out of theirs; a group left empty goes.
GraphEdit moveToGroup(
    const Graph& graph, const std::vector<std::string>& nodes, const std::string& group, std::string title);

} // namespace gradloom::graph
