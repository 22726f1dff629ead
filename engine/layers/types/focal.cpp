#include "engine/layers/loss_options.h"

namespace gradloom::layers {

namespace {

/// (1 − p)^γ, its slope bounded where p reaches 1.
ir::ValueId modulation(ir::Builder& b, ir::ValueId rest, double gamma)
{
    return gamma == 0 ? ir::noValue : b.unary("power", b.unary("maximum_scalar", rest, 1e-7), gamma);
}

ir::ValueId focalOfClasses(LowerContext& c, ir::ValueId labels)
{
    ir::Builder& b = c.b;
    const auto results = b.ops("softmax_cross_entropy", {c.scores, labels});
    c.probabilities = results[1];
    c.addMetric("accuracy", b.op("top_k_correct", {c.scores, labels}, {{"k", int64_t{1}}}));
    const auto rest = b.offset(b.unary("neg", b.unary("exp", b.unary("neg", results[0]))), 1);
    const auto factor = modulation(b, rest, c.params.real("gamma"));
    return factor == ir::noValue ? results[0] : b.mul(factor, results[0]);
}

/// For each number: −α(t)·(1−p(t))^γ·ln p(t) with p(t) = p·t + (1−p)·(1−t), as torchvision has it.
ir::ValueId focalOfSwitches(LowerContext& c, ir::ValueId target)
{
    ir::Builder& b = c.b;
    const double alpha = c.params.real("alpha");
    const auto yes = c.scores == c.in() ? b.unary("sigmoid", c.scores) : c.in();
    auto each = b.sub(b.unary("softplus", c.scores), b.mul(target, c.scores));
    const auto rest = b.add(b.mul(yes, b.offset(b.scale(target, -2), 1)), target); // 1 − p(t)
    if (const auto factor = modulation(b, rest, c.params.real("gamma")); factor != ir::noValue)
        each = b.mul(factor, each);
    each = b.mul(each, b.offset(b.scale(target, 2 * alpha - 1), 1 - alpha));
    c.probabilities = yes;
    c.addMetric("accuracy", meanOfSample(b, sameSide(b, c.scores, 0, target, 0.5)));
    return meanOfSample(b, each);
}

std::vector<ir::ValueId> lowerFocal(LowerContext& c)
{
    ir::Builder& b = c.b;
    const auto truth = c.target();
    const bool labels = b.type(truth).dtype == DType::I32;
    const bool several = labels && b.shape(c.in())[1] > 1;
    c.scores = c.before(several ? "softmax" : "sigmoid", c.in());
    const auto loss = several ? focalOfClasses(c, truth) : focalOfSwitches(c, floatTarget(c, truth));
    c.classes = labels || b.shape(truth).withoutFirst().elements() == 1;
    c.addLoss(loss, c.params.real("weight"));
    return {};
}

} // namespace

/// Lin et al., "Focal loss for dense object detection", 2017, equations 4 and 5.
LayerType focal()
{
    LayerType type = lossLayer("focal", "Focal loss");
    type.help = "Cross-entropy that counts less what is recognised well already: for rare classes. Takes "
                "scores, or a "
                "softmax (classes) or sigmoid (yes or no), which it fuses with.";
    type.formula = "L = −α·(1 − p)^γ · ln p, p the probability of what is true";
    type.parameters.push_back(realParam(
        "gamma", "γ", 2, 0, 20, "How strongly what is recognised is played down; 0: cross-entropy."));
    type.parameters.push_back(realParam("alpha", "α", 0.25, 0, 1,
        "Share of yes against no (1 − α); only where one number says yes or no, not for several classes."));
    type.infer = [](const Params&, std::span<const TensorType> in) {
        return numbersTarget("Focal loss", in);
    };
    type.lower = lowerFocal;
    type.samples = {{{}, {{Shape{5}, DType::F32}, {Shape(), DType::I32}}},
        {{{"gamma", 1.5}, {"alpha", 0.4}}, {{Shape{1}, DType::F32}, {Shape(), DType::I32}}},
        {{{"gamma", 0.0}, {"weight", 0.5}}, {{Shape{4}, DType::F32}, {Shape(), DType::I32}}},
        {{}, {{Shape{3, 2}, DType::F32}, {Shape{3, 2}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
