#include "engine/layers/loss_options.h"

namespace gradloom::layers {

namespace {

/// −Σ t·ln softmax(x) for targets that are probabilities themselves.
ir::ValueId softLoss(LowerContext& c, ir::ValueId scores, ir::ValueId target)
{
    ir::Builder& b = c.b;
    const auto shape = b.shape(scores).toVector();
    const auto spread = [&](ir::ValueId x) { return b.op("broadcast", {x}, {{"shape", shape}}); };
    const auto shifted = b.sub(scores, spread(b.reduce("max", scores, {1}, true)));
    const auto logSum = b.unary("log", b.reduce("sum", b.unary("exp", shifted), {1}, true));
    return b.unary("neg", b.reduce("sum", b.mul(target, b.sub(shifted, spread(logSum))), {1}));
}

std::vector<ir::ValueId> lowerCrossEntropy(LowerContext& c)
{
    const auto target = c.target();
    c.scores = c.before("softmax", c.in());
    ir::ValueId loss = ir::noValue;
    ir::ValueId labels = target;
    if (c.b.type(target).dtype == DType::I32) {
        const auto results = c.b.ops("softmax_cross_entropy", {c.scores, target});
        loss = results[0];
        c.probabilities = results[1];
    } else {
        loss = softLoss(c, c.scores, target);
        labels = c.b.op("argmax", {target});
        c.probabilities = c.scores == c.in() ? c.b.op("softmax", {c.scores}) : c.in();
    }
    c.addLoss(loss, c.params.real("weight"));
    c.addMetric("accuracy", c.b.op("top_k_correct", {c.scores, labels}, {{"k", int64_t{1}}}));
    return {};
}

} // namespace

LayerType cross_entropy()
{
    LayerType type = lossLayer("cross_entropy", "Cross-entropy");
    type.help = "For one class out of several: punishes a small probability of the right class. Takes scores or a softmax, "
                "which it fuses with.";
    type.formula = "L = −ln softmax(x)[label]";
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        if (x.rank() != 1)
            return needsFeatures("Cross-entropy", x);
        if (x[0] < 2)
            return Fault{"Cross-entropy needs at least two classes but gets one number. Use Binary cross-entropy or more units.", {}};
        if (in[1].dtype != DType::I32 && !(in[1].shape == x))
            return targetMismatch("Cross-entropy", in);
        return std::vector<TensorType>{};
    };
    type.lower = lowerCrossEntropy;
    const TensorType scores{Shape{5}, DType::F32};
    type.samples = {{{}, {scores, {Shape(), DType::I32}}}, {{{"weight", 0.5}}, {scores, scores}}};
    return type;
}

} // namespace gradloom::layers
