#include "engine/layers/loss_options.h"

namespace gradloom::layers {

/// Huber, "Robust estimation of a location parameter", 1964. Divided by δ it is PyTorch's smooth L1
/// (Girshick, "Fast R-CNN", 2015, equation 3, with δ = 1).
LayerType huber()
{
    LayerType type = lossLayer("huber", "Huber");
    type.help = "For numbers: squares small differences, takes large ones as they are.";
    type.formula = "L = mean of ½·d² where d = |x − t| ≤ δ, else δ·(d − ½·δ);  smooth L1: L/δ";
    type.parameters.push_back(
        realParam("delta", "δ", 1, 1e-6, 1e6, "Difference from which on the loss grows linearly."));
    type.parameters.push_back(switchParam(
        "smooth_l1", "Smooth L1", false, "Divides by δ, so that large differences have a slope of 1."));
    type.infer = [](const Params&, std::span<const TensorType> in) { return numbersTarget("Huber", in); };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Builder& b = c.b;
        const double delta = c.params.real("delta");
        const auto distance = b.unary("abs", b.sub(c.in(), floatTarget(c, c.target())));
        const auto bounded = b.unary("minimum_scalar", distance, delta); // m·(d − ½·m) is both branches
        auto loss = meanOfSample(b, b.mul(bounded, b.sub(distance, b.scale(bounded, 0.5))));
        if (c.params.flag("smooth_l1"))
            loss = b.scale(loss, 1 / delta);
        c.addLoss(loss, c.params.real("weight"));
        c.scores = c.in();
        c.probabilities = c.in();
        return {};
    };
    type.samples = {{{}, {{Shape{6}, DType::F32}, {Shape{6}, DType::F32}}},
        {{{"delta", 0.3}}, {{Shape{3, 2}, DType::F32}, {Shape{3, 2}, DType::F32}}},
        {{{"delta", 0.5}, {"smooth_l1", true}, {"weight", 2.0}},
            {{Shape{5}, DType::F32}, {Shape{5}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
