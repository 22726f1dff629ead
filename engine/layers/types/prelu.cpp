#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// He et al., "Delving deep into rectifiers", 2015.
LayerType prelu()
{
    LayerType type;
    type.id = "prelu";
    type.title = "PReLU";
    type.category = "activation";
    type.help = "A LeakyReLU that learns for each channel how much of negative numbers it lets through.";
    type.formula = "y = x if x > 0, else α(c)·x";
    type.parameters = {realParam("start", "Start", 0.25, -10, 10,
                           "What every α starts with; 0.25 as in PyTorch, 0 as in Keras."),
        switchParam("frozen", "Freeze weights", false, "Leaves these weights as they are during training.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() < 1)
            return Fault{"PReLU needs at least (N, features) but gets " + batchShape(in[0].shape) + ".", {}};
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Initializer start{"constant"};
        start.scale = c.params.real("start");
        const auto alpha = c.weight("weight", Shape{c.b.shape(c.in())[-1]}, start);
        const auto negative = c.b.unary("minimum_scalar", c.in(), 0);
        return {c.b.add(c.b.unary("relu", c.in()), c.b.mul(negative, alpha))};
    };
    type.summary = [](const Params&) { return std::string(); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, map({7})}, {{}, map({3, 2, 5})}, {{{"frozen", true}}, map({4, 3})}, {{}, map({4, 1})}};
    return type;
}

} // namespace gradloom::layers
