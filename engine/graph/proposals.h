#pragma once

#include "engine/graph/analysis.h"

namespace gradloom::graph {

/// The edits that mend faults. Every proposal returned here can be applied to the drawing as it stands.

/// What a layer's infer proposed, as edits.
std::vector<Proposal> repairProposals(
    const Graph& graph, const Node& node, std::span<const layers::Repair> repairs);
/// Back to the default for each option that is unknown or has a wrong value.
std::vector<Proposal> optionProposals(const Graph& graph, const Node& node);
/// Connects the nearest result that nobody uses yet.
std::vector<Proposal> connectProposals(const Graph& graph, const Node& node, int port);
std::vector<Proposal> removeProposals(const Graph& graph, const Node& node);
/// Cuts the cycle at its last connection.
std::vector<Proposal> cycleProposals(const Graph& graph, const std::vector<Edge>& cycle);
std::vector<Proposal> inputProposals(const Graph& graph);
/// Lets what hangs on `surplus` hang on `first`, and removes it.
std::vector<Proposal> mergeInputsProposals(const Graph& graph, const Node& first, const Node& surplus);
/// The losses that fit the end of the drawing, where it has one end.
std::vector<Proposal> lossProposals(const Graph& graph, const Analysis& analysis, const TensorType& labels);

} // namespace gradloom::graph
