#pragma once

#include "engine/graph/graph.h"

#include <memory>
#include <variant>

namespace gradloom::graph {

struct GraphEdit;

/// A place behind everything that is there.
inline constexpr size_t atEnd = static_cast<size_t>(-1);

struct AddNode
{
    Node node;
    size_t index = atEnd; ///< place in Graph::nodes
};
/// Removes the node with its edges, and from its groups; a group left empty goes too.
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
    size_t index = atEnd; ///< place in Graph::edges, counted without the replaced one
};
struct RemoveEdge
{
    Edge edge;
};
/// Puts these groups in place of all that are there; engine/graph/group_edits.h makes them.
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
    using Change = std::variant<AddNode, RemoveNode, MoveNode, RenameNode, SetParameter, AddEdge, RemoveEdge,
        SetGroups, Composite>;
    Change change;
    std::string title;
    /// Set in inverses: what was there before is put back without asking whether it was right, so that undo
    /// is exact even in a drawing that was made wrong.
    bool restoring = false;
};

/// Applies the edit and returns the edit that takes it back exactly (order of nodes and edges included). On
/// an error (unknown node, repeated id, a port that is not there, a connection onto itself or that closes a
/// cycle, an option out of range) the graph is unchanged and the message says why.
Result<GraphEdit> apply(Graph& graph, const GraphEdit& edit);

/// Why `edge` may not be added, as one sentence; success where it may. Checks ports and cycles, not shapes.
Status canConnect(const Graph& graph, const Edge& edge);

} // namespace gradloom::graph
