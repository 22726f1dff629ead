#include "engine/layers/loss_options.h"

namespace gradloom::layers {

namespace {

/// Keras' CategoricalHinge: max(0, 1 + max over j of (1−y(j))·x(j) − Σ y·x), y the label as a one-hot row.
ir::ValueId hingeOfClasses(LowerContext& c, ir::ValueId target)
{
    ir::Builder& b = c.b;
    const auto others = b.offset(b.unary("neg", target), 1);
    const auto best = b.reduce("max", b.mul(others, c.in()), {1});
    const auto own = b.reduce("sum", b.mul(target, c.in()), {1});
    return b.unary("relu", b.offset(b.sub(best, own), 1));
}

std::vector<ir::ValueId> lowerHinge(LowerContext& c)
{
    ir::Builder& b = c.b;
    const auto truth = c.target();
    const auto target = floatTarget(c, truth);
    const bool labels = b.type(truth).dtype == DType::I32;
    const bool several = labels && b.shape(c.in())[1] > 1;
    c.classes = labels || b.shape(target).withoutFirst().elements() == 1;
    c.scores = c.in();
    if (several) {
        c.addLoss(hingeOfClasses(c, target), c.params.real("weight"));
        c.addMetric("accuracy", b.op("top_k_correct", {c.in(), truth}, {{"k", int64_t{1}}}));
        c.probabilities = b.op("softmax", {c.in()});
        return {};
    }
    // Keras' Hinge, mean of max(0, 1 − t·x); t is −1 or 1, and what is not above zero means −1.
    const auto sign = b.offset(b.scale(b.unary("step", target), 2), -1);
    const auto each = b.unary("relu", b.offset(b.unary("neg", b.mul(sign, c.in())), 1));
    c.addLoss(meanOfSample(b, each), c.params.real("weight"));
    c.addMetric("accuracy", meanOfSample(b, sameSide(b, c.in(), 0, target, 0)));
    c.probabilities = b.unary("sigmoid", c.in());
    return {};
}

} // namespace

/// Crammer and Singer 2001 for several classes, Cortes and Vapnik 1995 for two; both with Keras' meaning.
LayerType hinge()
{
    LayerType type = lossLayer("hinge", "Hinge");
    type.help = "The loss of support vector machines: the right class must win by a margin of 1. Takes "
                "scores, without "
                "softmax or sigmoid.";
    type.formula =
        "L = max(0, 1 + best other score − own score);  for yes or no: mean of max(0, 1 − t·x), t = ±1";
    type.infer = [](const Params&, std::span<const TensorType> in) { return numbersTarget("Hinge", in); };
    type.lower = lowerHinge;
    type.samples = {{{}, {{Shape{5}, DType::F32}, {Shape(), DType::I32}}},
        {{{"weight", 0.5}}, {{Shape{1}, DType::F32}, {Shape(), DType::I32}}},
        {{}, {{Shape{4}, DType::F32}, {Shape{4}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
