#pragma once

#include "engine/graph/graph.h"

#include <memory>
#include <variant>

namespace gradloom::graph {

struct GraphEdit;

struct AddNode
{
    Node node;
    size_t index = static_cast<size_t>(-1); ///< place in Graph::nodes; the end by default
};
/// Removes the node with its edges.
struct RemoveNode
{
    std::string id;
};
struct MoveNode
{
    std::string id;
    Position position;
};
/// Renames a node everywhere.
struct RenameNode
{
    std::string id;
    std::string newId;
};
/// Sets an option, checked against its declaration; with `reset` the option goes back to its default.
struct SetParameter
{
    std::string id;
    std::string key;
    ParamValue value;
    bool reset = false;
};
/// Connects two ports. An edge that is already in the input port is replaced.
struct AddEdge
{
    Edge edge;
    size_t index = static_cast<size_t>(-1);
};
struct RemoveEdge
{
    Edge edge;
};
struct SetGroups
{
    std::vector<Group> groups;
};
/// Several edits as one step of undo.
struct Composite
{
    std::vector<GraphEdit> edits;
};

/// One change of the drawing, as a value. `title` is what undo shows: "Add Conv2D".
struct GraphEdit
{
    std::variant<AddNode, RemoveNode, MoveNode, RenameNode, SetParameter, AddEdge, RemoveEdge, SetGroups, Composite>
        change;
    std::string title;
};

/// Applies the edit and returns the edit that takes it back exactly (order of nodes and edges included). On an error
/// (unknown node, repeated id, a port that is not there, a connection onto itself or that closes a cycle, an option out
/// of range) the graph is unchanged and the message says why.
Result<GraphEdit> apply(Graph& graph, const GraphEdit& edit);

/// Why `edge` may not be added, as one sentence; success where it may. Checks ports and cycles, not shapes.
Status canConnect(const Graph& graph, const Edge& edge);

} // namespace gradloom::graph
