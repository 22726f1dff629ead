#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
/// 2011, as in PyTorch.
OptimizerType adagrad()
{
    OptimizerType type;
    type.id = "adagrad";
    type.title = "AdaGrad";
    type.help =
        "Weights that have moved much get shorter steps: suits rare features, and slows down for good.";
    type.formula = "s ← s + g²;  w ← w − η/(1 + (t−1)·λ) · g / (√s + ε)";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.01, 0.0, 100.0,
                           "η: how far a weight moves in its first step."),
        realParam(
            "decay", "Rate decay", 0.0, 0.0, 1000.0, "λ: lowers the learning rate with the steps done."),
        realParam(
            "start", "Start of s", 0.0, 0.0, 1000.0, "What the sum of squares starts from (Keras: 0.1)."),
        epsilonSpec(1e-10)};
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        ir::ValueId rate = context.learningRate;
        if (const double decay = context.params.real("decay"); decay > 0)
            rate = b.div(rate, b.offset(b.scale(b.offset(context.step, -1.0), decay), 1.0));
        const ir::ValueId slot = context.slot("sum");
        const ir::ValueId sum = b.add(slot, b.unary("square", context.gradients));
        b.update(slot, sum);
        const ir::ValueId whole = b.offset(sum, context.params.real("start"));
        const ir::ValueId root = b.offset(b.unary("sqrt", whole), context.params.real("epsilon"));
        b.update(context.weights, b.sub(context.weights, b.mul(b.div(context.gradients, root), rate)));
    };
    return type;
}

} // namespace gradloom::train
