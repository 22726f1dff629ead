#pragma once

#include "engine/layers/layer_options.h"

/// What LayerNorm, GroupNorm and InstanceNorm share.
namespace gradloom::layers {

/// Options epsilon, scale, center, frozen.
std::vector<ParamSpec> normParams();

struct Normalization
{
    std::string prefix; ///< of the weights' names: "" or "block1.norm1_"
    int64_t axis = 1;   ///< first dimension that the statistics are taken over, the
                        ///< batch counted
    int64_t groups = 1; ///< parts of the last dimension with statistics of their own
    double epsilon = 1e-5;
    bool scale = true;  ///< learned γ
    bool center = true; ///< learned β
};

/// γ·(x − mean)/√(variance + ε) + β.
ir::ValueId normalise(LowerContext& context, ir::ValueId x, const Normalization& normalization);
/// The same with the options of normParams.
ir::ValueId normalise(LowerContext& context, int64_t axis, int64_t groups);

} // namespace gradloom::layers
