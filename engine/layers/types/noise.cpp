#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType noise()
{
    LayerType type;
    type.id = "noise";
    type.title = "Noise";
    type.category = "data";
    type.role = Role::Data;
    type.help = "Fresh random numbers for every sample: what a generator makes its pictures from.";
    type.formula = "z ~ N(0, s²), or uniform on [−s, s)";
    type.inputs = {};
    type.parameters = {shapeParam("shape", "Shape", {100}, "Extents of one sample of noise; mostly one number, the latent size."),
        choiceParam("distribution", "Distribution", "normal", {{"normal", "normal"}, {"uniform", "uniform"}},
            "normal: around 0 with the deviation s. uniform: from −s to s."),
        realParam("scale", "Scale", 1, 0, 1e6, "s: how strong the noise is.")};
    type.infer = [](const Params& p, std::span<const TensorType>) -> Inferred {
        auto shape = Shape::checked(p.list("shape"));
        return shape ? Inferred(*shape) : Inferred(Fault{"Noise: " + shape.error().message, {}});
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const double scale = c.params.real("scale");
        const Shape shape = c.outputTypes[0].shape.prepended(c.batch);
        if (c.params.text("distribution") == "normal")
            return {c.b.scale(c.randomNumbers("normal", shape), scale)};
        return {c.b.offset(c.b.scale(c.randomNumbers("uniform", shape), 2 * scale), -scale)};
    };
    type.summary = [](const Params& p) {
        return joined({Shape(p.list("shape")).toString(), p.text("distribution")});
    };
    type.samples = {{{{"shape", std::vector<int64_t>{5}}}, {}},
        {{{"shape", std::vector<int64_t>{2, 3}}, {"distribution", std::string("uniform")}, {"scale", 0.5}}, {}}};
    return type;
}

} // namespace gradloom::layers
