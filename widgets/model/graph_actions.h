#pragma once

#include "engine/graph/graph_edit.h"

#include <QByteArray>
#include <QSizeF>
#include <QString>

#include <functional>
#include <optional>
#include <vector>

namespace gradloom::widgets {

/// Edits as people think of them, made of the graph's small ones. They only compute; the caller applies.

/// Size of a node on the canvas.
using NodeSizes = std::function<QSizeF(const std::string& node)>;

/// An edit that brings nodes, and their ids so that they can be selected.
struct AddedNodes
{
    graph::GraphEdit edit;
    std::vector<std::string> ids;
};

/// A layer at a place, not connected.
AddedNodes addLayer(const graph::Graph& graph, const std::string& type, graph::Position place);

/// A layer connected to an open end: `edge` names the existing node and port on one side, the other side is
/// empty and becomes the first port of the new layer.
AddedNodes addConnectedLayer(
    const graph::Graph& graph, const std::string& type, graph::Position place, graph::Edge openEdge);

/// A layer in the middle of a connection.
AddedNodes insertLayer(
    const graph::Graph& graph, const std::string& type, const graph::Edge& edge, graph::Position place);

/// A layer behind `after` (empty: behind the last open end), in its line: what followed follows the new
/// layer, and makes room.
AddedNodes appendLayer(
    const graph::Graph& graph, const std::string& type, const std::string& after, const NodeSizes& sizes);

/// Removes nodes and edges. A removed node with one input and one output leaves its neighbours connected.
graph::GraphEdit removeParts(
    const graph::Graph& graph, const std::vector<std::string>& nodes, const std::vector<graph::Edge>& edges);

/// Nodes with the edges among them, and the groups that lie wholly among them, as text for the clipboard, and
/// back. Pasted nodes get fresh ids and are moved by `offset`. Text that is no drawing gives nothing.
QByteArray copyText(const graph::Graph& graph, const std::vector<std::string>& nodes);
std::optional<AddedNodes> pasteText(
    const graph::Graph& graph, const QByteArray& text, graph::Position offset);

/// Places all nodes from left to right in rows no wider than `width`, in the order in which values flow; the
/// nodes of a group stay together. `blockSize` tells the size of a collapsed group.
graph::GraphEdit tidyUp(
    const graph::Graph& graph, const NodeSizes& sizes, const NodeSizes& blockSizes, double width);

/// Whether a node of this type can stand in the middle of a connection.
bool canBeInserted(const std::string& type);

inline constexpr double nodeGap = 80; ///< room for a shape label between two nodes
/// What a frame takes around its nodes: at the left and right and below, and above with its title.
inline constexpr double frameMargin = 20;
inline constexpr double frameHeader = 42;

} // namespace gradloom::widgets
