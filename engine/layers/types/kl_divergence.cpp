#include "engine/layers/loss_options.h"

namespace gradloom::layers {

/// Kullback and Leibler 1951, of the target from the prediction.
LayerType kl_divergence()
{
    LayerType type = lossLayer("kl_divergence", "KL divergence");
    type.help = "For shares that sum to one along the last dimension: how far the predicted ones are from "
                "the true ones. "
                "Takes scores or a softmax, which it fuses with.";
    type.formula = "L = Σ t·(ln t − ln softmax(x)), mean over what comes before the last dimension";
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() == 0 || in[0].shape[-1] < 2)
            return Fault{
                "KL divergence needs at least two shares but gets " + batchShape(in[0].shape) + ".", {}};
        return numbersTarget("KL divergence", in);
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Builder& b = c.b;
        c.scores = c.before("softmax", c.in());
        const auto target = floatTarget(c, c.target());
        const auto logTarget = b.unary("log", b.unary("maximum_scalar", target, 1e-30)); // 0·ln 0 is 0
        const auto each = b.mul(target, b.sub(logTarget, logSoftmaxOf(b, c.scores)));
        const auto rows = b.reduce("sum", each, {b.shape(each).rank() - 1});
        c.addLoss(meanOfSample(b, rows), c.params.real("weight"));
        c.probabilities = c.scores == c.in() ? b.op("softmax", {c.scores}) : c.in();
        c.classes = b.type(c.truth).dtype == DType::I32;
        return {};
    };
    type.samples = {{{}, {{Shape{5}, DType::F32}, {Shape{5}, DType::F32}}},
        {{{"weight", 0.5}}, {{Shape{3, 4}, DType::F32}, {Shape{3, 4}, DType::F32}}},
        {{}, {{Shape{4}, DType::F32}, {Shape(), DType::I32}}}};
    return type;
}

} // namespace gradloom::layers
