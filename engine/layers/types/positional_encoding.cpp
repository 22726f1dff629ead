#include "engine/layers/attention_layer.h"

namespace gradloom::layers {

LayerType positional_encoding()
{
    LayerType type;
    type.id = "positional_encoding";
    type.title = "PositionalEncoding";
    type.category = "attention";
    type.help = "Adds to every step numbers that tell where it stands; attention "
                "alone does not know the order of its steps.";
    type.formula = "y(t) = x(t) + p(t), sinusoidal: p(t,2i) = "
                   "sin(t/10000^(2i/F)), p(t,2i+1) = cos(t/10000^(2i/F))";
    type.parameters = {
        choiceParam("kind", "Kind", "sinusoidal", {{"sinusoidal", "sinusoidal"}, {"learned", "learned"}},
            "sinusoidal: waves of fixed lengths, without weights. "
            "learned: a vector for each position, which must "
            "be seen in training."),
        switchParam(
            "frozen", "Freeze weights", false, "Leaves learned positions as they are during training.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (auto fault = sequenceFault("PositionalEncoding", in[0]))
            return *fault;
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape& x = c.b.shape(c.in());
        ir::Initializer initializer{"uniform"};
        initializer.scale = 0.05;
        const auto positions = c.params.text("kind") == "learned"
                                   ? c.weight("weight", Shape{x[1], x[2]}, initializer)
                                   : c.b.op("sinusoid", {}, {{"steps", x[1]}, {"size", x[2]}});
        return {c.b.add(c.in(), positions)};
    };
    type.summary = [](const Params& p) { return p.text("kind"); };
    const auto f = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const Params learned{{"kind", std::string("learned")}};
    type.samples = {{{}, f({7, 6})}, {{}, f({40, 5})}, {{}, f({1, 1})}, {learned, f({3, 4})},
        {{{"kind", std::string("learned")}, {"frozen", true}}, f({2, 3})}};
    return type;
}

} // namespace gradloom::layers
