#pragma once

#include "engine/graph/graph.h"
#include "engine/layers/layer_type.h"

namespace gradloom::graph {

/// Layers that take any number of inputs take at most so many.
inline constexpr int maxInputs = 64;

/// The layer type of a node, or nullptr where this program does not know it.
const layers::LayerType* typeOf(const Node& node);

/// "Conv2D conv2d_1", for messages.
std::string describe(const Node& node);

/// How many input ports a node shows. For a layer that takes any number: one more than the highest connected
/// one, two at least, so that there is always a free port to connect to. 0 for an unknown type.
int inputPorts(const Graph& graph, const Node& node);
int outputPorts(const Node& node);
/// What stands at an input port: "in", "target", "in 2".
std::string inputPortName(const Node& node, int port);

/// The edges into a node as its layer sees them. Declared ports: one entry each, nullptr where unconnected.
/// Any number of inputs: the connected ones in the order of their ports; ports without an edge do not count.
/// Borrows from `graph`.
std::vector<const Edge*> inputEdges(const Graph& graph, const Node& node);

/// Does an unconnected input port of this type take the data set's labels? True for the target of a loss.
bool takesLabels(const layers::LayerType& type, int port);

/// The name of the data set's target that the loss `node` compares with ("" for the first), directly or by a Labels
/// node; nothing where it compares with something computed, or is no loss.
std::optional<std::string> judgedTarget(const Graph& graph, const Node& node);
/// The same for the first loss of a drawing, which is the one that says what a prediction is.
std::optional<std::string> judgedTarget(const Graph& graph);

/// The Input node: the samples of the data set.
inline constexpr std::string_view inputType = "input";
/// The Labels node: what the data set says about each sample.
inline constexpr std::string_view labelsType = "labels";

/// `given` with all declared options filled in, like completeParams; also checks the products of shapes.
Result<Params> completeOptions(const layers::LayerType& type, const Params& given, const std::string& where);
/// One option of the type, in its declared form, or why it may not have this value.
Result<ParamValue> checkOption(
    const layers::LayerType& type, const std::string& key, const ParamValue& value, const std::string& where);

} // namespace gradloom::graph
