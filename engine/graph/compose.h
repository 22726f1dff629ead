#pragma once

#include "engine/graph/graph_edit.h"

namespace gradloom::graph {

/// What a node on the canvas takes with the gap to the next one; composed edits make this much room.
inline constexpr double columnWidth = 240;

/// Puts a new node on the connection into an input port: source → new → node. Where nothing is connected, the
/// new node is only connected to the port. The nodes behind it in its row move on to make room. Between nodes of
/// one group it belongs to the group.
/// `node` and the layer type must exist.
GraphEdit insertBefore(const Graph& graph, const std::string& node, int port, const std::string& layer,
    const Params& params, std::string title);

/// Adds a node to the right of another one and connects it to that one's first output.
/// `node` and the layer type must exist.
GraphEdit appendAfter(const Graph& graph, const std::string& node, const std::string& layer,
    const Params& params, std::string title);

/// Removes nodes with their edges, as one step of undo.
GraphEdit removeNodes(const std::vector<std::string>& nodes, std::string title);

} // namespace gradloom::graph
