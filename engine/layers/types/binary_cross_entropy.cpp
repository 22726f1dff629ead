#include "engine/layers/loss_options.h"

namespace gradloom::layers {

LayerType binary_cross_entropy()
{
    LayerType type = lossLayer("binary_cross_entropy", "Binary cross-entropy");
    type.help = "For yes or no, one number each: takes scores or a sigmoid, which it fuses with.";
    type.formula = "L = mean of ln(1 + eˣ) − t·x";
    type.infer = [](const Params&, std::span<const TensorType> in) {
        return numbersTarget("Binary cross-entropy", in);
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Builder& b = c.b;
        c.scores = c.before("sigmoid", c.in());
        const auto target = floatTarget(c, c.target());
        c.classes = b.type(c.truth).dtype == DType::I32 || b.shape(target).withoutFirst().elements() == 1;
        const auto each = b.sub(b.unary("softplus", c.scores), b.mul(target, c.scores));
        c.addLoss(meanOfSample(b, each), c.params.real("weight"));
        c.probabilities = c.scores == c.in() ? b.unary("sigmoid", c.scores) : c.in();
        c.addMetric("accuracy", meanOfSample(b, sameSide(b, c.scores, 0, target, 0.5)));
        return {};
    };
    type.samples = {{{}, {{Shape{1}, DType::F32}, {Shape(), DType::I32}}},
        {{}, {{Shape{2, 3, 1}, DType::F32}, {Shape{2, 3, 1}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
