#include "engine/train/optimizer_type.h"

#include <cmath>

namespace gradloom::train {

namespace {

/// 1 − βᵗ for t of shape {1}. Written as −2u/(1−u) with u = tanh(t·ln β/2), because 1 − exp(t·ln β) in single
/// precision loses four digits at the first steps, when βᵗ is close to 1.
ir::ValueId biasCorrection(ir::Builder& b, ir::ValueId step, double beta)
{
    const ir::ValueId u = b.unary("tanh", b.scale(step, 0.5 * std::log(beta)));
    return b.div(b.scale(u, -2.0), b.offset(b.unary("neg", u), 1.0));
}

} // namespace

/// Kingma and Ba, "Adam: A method for stochastic optimization", 2015, algorithm 1. ε is added to the root of
/// the corrected second moment, as there and in PyTorch.
OptimizerType adam()
{
    OptimizerType type;
    type.id = "adam";
    type.title = "Adam";
    type.help = "Gives every weight its own step length from the mean and the spread of its gradients.";
    type.formula = "m ← β₁·m + (1−β₁)·g;  v ← β₂·v + (1−β₂)·g²;  w ← w − η·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.001, 0.0, 100.0,
                           "η: about how far a weight moves in a step."),
        realParam("beta1", "β₁", 0.9, 0.0, 0.999999, "How slowly the mean of the gradients forgets."),
        realParam(
            "beta2", "β₂", 0.999, 0.0, 0.99999999, "How slowly the mean of the squared gradients forgets."),
        realParam("epsilon", "ε", 1e-8, 1e-16, 1.0, "Keeps the division harmless where gradients vanish.")};
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double beta1 = context.params.real("beta1");
        const double beta2 = context.params.real("beta2");
        const ir::ValueId g = context.gradients;
        const ir::ValueId meanSlot = context.slot("mean");
        const ir::ValueId squareSlot = context.slot("square");

        // Everything of shape {1} comes first: the pass over the weights then only multiplies by two numbers.
        ir::ValueId rate = context.learningRate;
        if (beta1 > 0)
            rate = b.div(rate, biasCorrection(b, context.step, beta1));
        const ir::ValueId mean = b.add(b.scale(meanSlot, beta1), b.scale(g, 1.0 - beta1));
        const ir::ValueId square =
            b.add(b.scale(squareSlot, beta2), b.scale(b.unary("square", g), 1.0 - beta2));
        ir::ValueId root = b.unary("sqrt", square);
        if (beta2 > 0)
            root =
                b.mul(root, b.unary("reciprocal", b.unary("sqrt", biasCorrection(b, context.step, beta2))));
        const ir::ValueId change = b.mul(b.div(mean, b.offset(root, context.params.real("epsilon"))), rate);
        b.update(meanSlot, mean);
        b.update(squareSlot, square);
        b.update(context.weights, b.sub(context.weights, change));
    };
    return type;
}

} // namespace gradloom::train
