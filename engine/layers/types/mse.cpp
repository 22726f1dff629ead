#include "engine/layers/loss_options.h"

namespace gradloom::layers {

LayerType mse()
{
    LayerType type = lossLayer("mse", "MSE");
    type.help = "Mean squared error, for numbers: punishes large differences more than small ones.";
    type.formula = "L = mean of (x − t)²";
    type.infer = [](const Params&, std::span<const TensorType> in) { return numbersTarget("MSE", in); };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const auto target = floatTarget(c, c.target());
        c.addLoss(meanOfSample(c.b, c.b.unary("square", c.b.sub(c.in(), target))), c.params.real("weight"));
        c.scores = c.in();
        c.probabilities = c.in();
        return {};
    };
    type.samples = {{{}, {{Shape{4}, DType::F32}, {Shape{4}, DType::F32}}},
        {{{"weight", 2.0}}, {{Shape{3, 2, 2}, DType::F32}, {Shape{3, 2, 2}, DType::F32}}},
        {{}, {{Shape{3}, DType::F32}, {Shape(), DType::I32}}}};
    return type;
}

} // namespace gradloom::layers
