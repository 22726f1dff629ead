#pragma once

#include "engine/graph/graph.h"

namespace gradloom::graph {

/// No drawing may have more layers than this once its blocks are written out.
inline constexpr size_t maxExpandedNodes = 4000;

/// Why a group cannot be repeated: one sentence.
struct GroupFault
{
    std::string group;
    std::string message;
};

/// A drawing with its repeated groups written out.
struct Expansion
{
    Graph graph;                    ///< without groups
    std::vector<GroupFault> faults; ///< groups that stand in `graph` once although they are to be repeated
};

/// Writes out repeated groups. The first repetition keeps the drawn nodes with their ids; the nodes of the
/// others are called "conv2d_1-2", "conv2d_1-3", and their weights likewise. What enters the block enters the
/// first repetition, the block's result enters the next one in its place, and the last one's result goes
/// where the block's went.
///
/// One result must enter the block and one leave it. Besides, results may enter at ports that can stay
/// unconnected, such as a mask: they go to every repetition unchanged. A block nobody reads from has its one
/// open end as the result.
Expansion expand(const Graph& drawing);

/// The drawn node that a node of the expanded drawing stands for.
struct Origin
{
    std::string node;
    int repetition = 1; ///< counted from 1
};
/// `id` names a node of `expand(drawing).graph`; another id comes back as it is.
Origin originOf(const Graph& drawing, const std::string& id);

/// The node of the expanded drawing whose result flows along a drawn edge: for one that leaves a repeated
/// group the last repetition's.
std::string sourceOf(const Graph& drawing, const Edge& edge);

/// "conv2d_1", and for a copy "conv2d_1, repetition 2 of \"Residual block\"": for messages and lists.
std::string nameOf(const Graph& drawing, const std::string& id);

/// "\"Residual block\"", or the id of a group without a title, for messages.
std::string describe(const Group& group);

} // namespace gradloom::graph
