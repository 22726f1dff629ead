#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType repeat_vector()
{
    LayerType type;
    type.id = "repeat_vector";
    type.title = "RepeatVector";
    type.category = "shape";
    type.help =
        "Makes a sequence in which every step is the same vector: the bridge from an encoder to a decoder.";
    type.formula = "y(t,i) = x(i)";
    type.parameters = {integerParam("steps", "Steps", 10, 1, 1 << 20, "Length of the sequence.")};
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() != 1)
            return needsFeatures("RepeatVector", in[0].shape);
        auto shape = Shape::checked({p.integer("steps"), in[0].shape[0]});
        return shape ? Inferred(*shape) : Inferred(Fault{"RepeatVector: " + shape.error().message, {}});
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape x = c.b.shape(c.in());
        return {c.b.op("broadcast", {c.b.reshape(c.in(), Shape{x[0], 1, x[1]})},
            {{"shape", c.outputTypes[0].shape.prepended(x[0]).toVector()}})};
    };
    type.summary = [](const Params& p) { return "×" + std::to_string(p.integer("steps")); };
    type.samples = {{{{"steps", int64_t{4}}}, {{Shape{5}, DType::F32}}},
        {{{"steps", int64_t{1}}}, {{Shape{1}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
