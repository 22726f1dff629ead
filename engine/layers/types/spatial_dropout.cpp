#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// Tompson et al., "Efficient object localization using convolutional networks", 2015.
LayerType spatial_dropout()
{
    LayerType type;
    type.id = "spatial_dropout";
    type.title = "SpatialDropout";
    type.category = "regularization";
    type.help = "During training sets whole channels of a sequence or picture to zero. Neighbouring pixels "
                "are so alike that "
                "dropping single ones would change little.";
    type.formula = "y = x · mask(c) / (1 − p)";
    type.parameters = {realParam("rate", "Rate", 0.2, 0, 0.99, "p: share of the channels that is dropped.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        if (x.rank() >= 2)
            return in[0];
        return Fault{"SpatialDropout needs sequences (N, steps, channels) or pictures (N, height, width, "
                     "channels) but gets " +
                         batchShape(x) + ". Use Dropout.",
            {}};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        if (!c.training || c.params.real("rate") == 0)
            return {c.in()};
        const Shape x = c.b.shape(c.in());
        std::vector<int64_t> channels(static_cast<size_t>(x.rank()), 1);
        channels.front() = x[0];
        channels.back() = x[-1];
        const auto ones = c.b.op("fill", {}, {{"shape", channels}, {"value", 1.0}});
        const auto mask = c.drop(ones, c.params.real("rate"), c.randomStream());
        return {c.b.mul(c.in(), c.b.op("broadcast", {mask}, {{"shape", x.toVector()}}))};
    };
    type.summary = [](const Params& p) { return "p = " + formatParam(p.real("rate")); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{{"rate", 0.5}}, map({4, 3, 5})}, {{}, map({6, 3})}, {{{"rate", 0.0}}, map({1, 1, 1})}};
    return type;
}

} // namespace gradloom::layers
