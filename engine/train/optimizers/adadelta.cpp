#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Zeiler, "ADADELTA: An adaptive learning rate method", 2012, algorithm 1, with PyTorch's learning rate as a
/// factor (1: the paper).
OptimizerType adadelta()
{
    OptimizerType type;
    type.id = "adadelta";
    type.title = "AdaDelta";
    type.help =
        "Finds the length of each step from the last steps and gradients; needs no learning rate of its own.";
    type.formula = "v ← ρ·v + (1−ρ)·g²;  d = g·√(u + ε)/√(v + ε);  u ← ρ·u + (1−ρ)·d²;  w ← w − η·d";
    type.parameters = {realParam("learning_rate", "Learning rate", 1.0, 0.0, 100.0,
                           "η: a factor on the steps; 1 is the paper."),
        realParam("rho", "ρ", 0.9, 0.0, 0.999999, "How slowly the means of squares forget."),
        epsilonSpec(1e-6)};
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double rho = context.params.real("rho");
        const double epsilon = context.params.real("epsilon");
        const ir::ValueId squareSlot = context.slot("square");
        const ir::ValueId stepSlot = context.slot("steps");
        const ir::ValueId square = movingAverage(b, squareSlot, b.unary("square", context.gradients), rho);
        const auto root = [&](ir::ValueId x) { return b.unary("sqrt", b.offset(x, epsilon)); };
        const ir::ValueId change = b.mul(b.div(root(stepSlot), root(square)), context.gradients);
        movingAverage(b, stepSlot, b.unary("square", change), rho);
        b.update(context.weights, b.sub(context.weights, b.mul(change, context.learningRate)));
    };
    return type;
}

} // namespace gradloom::train
