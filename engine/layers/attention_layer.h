#pragma once

#include "engine/layers/layer_options.h"

#include <string_view>

/// What the attention layers share. Sequences are N×steps×features.
namespace gradloom::layers {

/// Ports of a layer that reads a sequence and may skip its padding.
std::vector<Port> maskedSequencePorts();
/// The options of weightParams but these.
std::vector<ParamSpec> weightParamsWithout(std::initializer_list<std::string_view> keys);

/// The type at a port, or `unconnected`.
TensorType typeAt(std::span<const TensorType> inputs, size_t port);
/// The fault of an input that is not (steps, features), or of a mask that does
/// not have one number a step.
std::optional<Fault> sequenceFault(const std::string& title, const TensorType& input);
std::optional<Fault> maskFault(const std::string& title, const TensorType& mask, int64_t steps);

/// x·W + b on the last dimension: the weights "<name>_weight" and, with the
/// option use_bias or without it,
/// "<name>_bias".
ir::ValueId project(LowerContext& context, ir::ValueId x, const std::string& name, int64_t units,
    const std::string& activation = "none");

/// How one attention works.
struct AttentionOptions
{
    std::string prefix; ///< of the weights' names: "" or "block1_"
    int64_t heads = 1;
    int64_t headSize = 1;
    bool causal = false;
    double dropout = 0; ///< of the probabilities
    int64_t stream = 0; ///< number of this dropout within the node
};
/// Attention with learned projections of queries (from x), keys and values
/// (from `from`); the heads' results stand one behind the other. `mask`
/// (N×steps of `from`) may be noValue.
ir::ValueId attend(LowerContext& context, ir::ValueId x, ir::ValueId from, ir::ValueId mask,
    const AttentionOptions& options);

/// Dropout in training; `stream` tells the dropouts of a node apart.
ir::ValueId dropped(LowerContext& context, ir::ValueId x, double rate, int64_t stream);

/// The largest number of heads up to `heads` that divides the features.
int64_t fittingHeads(int64_t features, int64_t heads);
/// The fault of features that cannot be shared out among the heads.
std::optional<Fault> headsFault(const std::string& title, int64_t features, int64_t heads);

} // namespace gradloom::layers
