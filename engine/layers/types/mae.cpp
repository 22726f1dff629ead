#include "engine/layers/loss_options.h"

namespace gradloom::layers {

LayerType mae()
{
    LayerType type = lossLayer("mae", "MAE");
    type.help = "Mean absolute error, for numbers: a few wild values count less than with MSE.";
    type.formula = "L = mean of |x − t|";
    type.infer = [](const Params&, std::span<const TensorType> in) { return numbersTarget("MAE", in); };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const auto target = floatTarget(c, c.target());
        c.addLoss(meanOfSample(c.b, c.b.unary("abs", c.b.sub(c.in(), target))), c.params.real("weight"));
        c.scores = c.in();
        c.probabilities = c.in();
        return {};
    };
    type.samples = {{{}, {{Shape{4}, DType::F32}, {Shape{4}, DType::F32}}},
        {{{"weight", 2.0}}, {{Shape{3, 2, 2}, DType::F32}, {Shape{3, 2, 2}, DType::F32}}},
        {{}, {{Shape{1}, DType::F32}, {Shape{1}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
