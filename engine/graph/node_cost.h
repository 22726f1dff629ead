#pragma once

#include "engine/graph/graph.h"
#include "engine/layers/layer_type.h"

namespace gradloom::graph {

/// No tensor of one sample and no layer's weights may have more elements than this: 1 GB and 8 GB of float32.
/// What a drawing asks for is bounded here, before anybody takes memory for it.
inline constexpr int64_t maxSampleElements = int64_t{1} << 28;
inline constexpr int64_t maxLayerWeights = int64_t{1} << 31;

/// What a layer costs with given inputs.
struct NodeCost
{
    int64_t weights = 0; ///< trainable or frozen; running statistics do not count
    int64_t flops = 0;   ///< forward pass of one sample
};

/// Lowers the layer alone, for one sample, and counts. `params` are complete, `infer` found no fault. Fails
/// for layers that are too large.
Result<NodeCost> costOf(const Node& node, const layers::LayerType& type, const Params& params,
    std::span<const TensorType> inputs, std::span<const TensorType> outputs);

} // namespace gradloom::graph
