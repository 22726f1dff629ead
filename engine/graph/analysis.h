#pragma once

#include "engine/graph/graph_edit.h"
#include "engine/layers/layer_type.h"

#include <map>
#include <optional>

namespace gradloom::graph {

/// A proposed change that mends a fault: one click in the window.
struct Proposal
{
    std::string title;
    GraphEdit edit;
};

/// What is wrong at a node or a group.
struct Problem
{
    std::string node; ///< empty for the whole drawing
    std::string message;
    std::vector<Proposal> proposals;
    bool warning = false; ///< the network can be trained nevertheless
    std::string group{};  ///< the group that is wrong; `node` is empty then
};

/// What is known of a node: shapes for one sample, weights, cost.
struct NodeInfo
{
    Params params; ///< complete, defaults filled in
    std::vector<TensorType> inputs;
    std::vector<TensorType> outputs; ///< empty where they could not be found out
    int64_t parameters = 0;          ///< trainable and frozen weights
    int64_t trainable = 0;
    int64_t flops = 0; ///< forward pass, one sample
    int repeat = 1;    ///< so many copies of the node are computed
};

struct Analysis
{
    /// The drawn nodes. Of a node that is repeated: the first repetition's shapes, and what all repetitions
    /// together cost.
    std::map<std::string, NodeInfo> nodes;
    Graph expanded; ///< what is computed: the drawing with its repeated groups written out
    std::map<std::string, NodeInfo> expandedNodes; ///< its nodes, each by itself
    std::vector<Problem> problems;
    int64_t parameters = 0;
    int64_t trainable = 0;
    int64_t flops = 0;

    bool valid() const;
    /// The first problem of a node that is not a warning, or nullptr.
    const Problem* problemOf(const std::string& node) const;
    /// The problem of a group, or nullptr.
    const Problem* problemOfGroup(const std::string& group) const;
    /// Success, or the first problem as an Error.
    Status status() const;
};

/// Shapes, weights and faults of a drawing, repeated groups written out; what is wrong in a repetition is
/// reported at the drawn node. Never fails: a wrong drawing gives problems. Takes well under a
/// millisecond for drawings of some dozens of nodes, so it runs on every change.
/// `labels` is what the data set says about each sample: unconnected targets take the first of them, Labels nodes are
/// checked against them. Empty: not known; then an unconnected target is taken to be what its loss can work with, a
/// class where it can.
Analysis analyse(const Graph& graph, const layers::TargetTypes& labels = {});

} // namespace gradloom::graph
