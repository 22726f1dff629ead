#pragma once

#include "engine/base/param.h"

#include <string>
#include <string_view>
#include <vector>

namespace gradloom::graph {

struct Position
{
    double x = 0;
    double y = 0;
    bool operator==(const Position&) const = default;
};

/// A layer in the drawing. `params` holds the options that differ from the layer's defaults or were set by
/// hand; `layers::layerTypes().find(type)` declares them.
struct Node
{
    std::string id;   ///< unique in the graph: "conv2d_1"; also the name of its weights
    std::string type; ///< id of a LayerType
    Params params;
    Position position;
    bool operator==(const Node&) const = default;
};

/// From an output port of one node to an input port of another. Ports are counted from zero.
struct Edge
{
    std::string from;
    int fromPort = 0;
    std::string to;
    int toPort = 0;
    bool operator==(const Edge&) const = default;
};

/// How often a block can stand in a row.
inline constexpr int maxRepeat = 64;

/// A frame around nodes: structure for people. A node is in one group at most. With `repeat` above 1 the
/// group's nodes stand for so many copies in a chain, see `expand`.
struct Group
{
    std::string id;
    std::string title;
    std::vector<std::string> nodes;
    int repeat = 1;         ///< 1 .. maxRepeat
    bool collapsed = false; ///< shown as one compact block
    bool operator==(const Group&) const = default;
};

/// The drawing as a value: nodes, edges, groups by id. It may be wrong (missing inputs, shapes that do not
/// fit) while it is being edited; `analyse` says what is wrong. Node order is the order of creation and is
/// kept in files.
struct Graph
{
    std::vector<Node> nodes;
    std::vector<Edge> edges;
    std::vector<Group> groups;
    bool operator==(const Graph&) const = default;

    const Node* find(std::string_view id) const;
    Node* find(std::string_view id);
    /// The edge into an input port, or nullptr.
    const Edge* edgeInto(std::string_view node, int port) const;
    /// Does any edge leave this output port?
    bool isUsed(std::string_view node, int port = 0) const;
    /// A fresh id made from a layer type: "conv2d_3", with the smallest number that is free.
    std::string freshId(const std::string& type) const;

    const Group* findGroup(std::string_view id) const;
    /// The group a node is in, or nullptr.
    const Group* groupOf(std::string_view node) const;
};

/// Coordinates on the canvas stay within this distance from the origin.
inline constexpr double maxCoordinate = 1e6;

/// Titles of groups have no more bytes than this.
inline constexpr size_t maxTitleBytes = 200;

/// Ids of nodes and groups: 1 to 64 ASCII letters, digits, '_' and '-'. They are names of weights and parts
/// of file names, so dots, slashes and blanks are out.
Status checkId(const std::string& id);

/// Indices of nodes such that every edge goes forward; nodes on or behind a cycle are missing from it.
/// Among independent nodes the order of creation is kept, so the result is deterministic.
std::vector<size_t> topologicalOrder(const Graph& graph);

/// The edges of one cycle in their order, empty where there is none.
std::vector<Edge> findCycle(const Graph& graph);

/// Is there a path along edges from one node to another? A node reaches itself.
bool reaches(const Graph& graph, std::string_view from, std::string_view to);

} // namespace gradloom::graph
