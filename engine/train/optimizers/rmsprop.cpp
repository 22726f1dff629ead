#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Tieleman and Hinton, "Lecture 6.5: RMSProp", 2012; centered: Graves 2013, equation 38. As in PyTorch: ε
/// stands outside the root, the learning rate scales the velocity when it is applied.
OptimizerType rmsprop()
{
    OptimizerType type;
    type.id = "rmsprop";
    type.title = "RMSprop";
    type.help = "Divides each gradient by the size its last ones had; often chosen for recurrent networks.";
    type.formula =
        "s ← ρ·s + (1−ρ)·g²;  v ← μ·v + g/(√s + ε);  w ← w − η·v   (centered: √(s − a²), a the mean of g)";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.001, 0.0, 100.0,
                           "η: about how far a weight moves in a step."),
        realParam("rho", "ρ", 0.9, 0.0, 0.999999,
            "How slowly the mean of the squares forgets (PyTorch: α = 0.99)."),
        realParam(
            "momentum", "Momentum", 0.0, 0.0, 0.9999, "μ: share of the last velocity that is kept; 0: none."),
        switchParam(
            "centered", "Centered", false, "Divides by the spread of the gradients instead of their size."),
        epsilonSpec(1e-7)};
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double rho = context.params.real("rho");
        const double momentum = context.params.real("momentum");
        const ir::ValueId g = context.gradients;
        ir::ValueId spread = movingAverage(b, context.slot("square"), b.unary("square", g), rho);
        if (context.params.flag("centered")) {
            const ir::ValueId mean = movingAverage(b, context.slot("mean"), g, rho);
            // Rounding may leave a spread just below zero.
            spread = b.unary("maximum_scalar", b.sub(spread, b.unary("square", mean)), 0.0);
        }
        ir::ValueId velocity = b.div(g, b.offset(b.unary("sqrt", spread), context.params.real("epsilon")));
        if (momentum > 0) {
            const ir::ValueId slot = context.slot("velocity");
            velocity = b.add(b.scale(slot, momentum), velocity);
            b.update(slot, velocity);
        }
        b.update(context.weights, b.sub(context.weights, b.mul(velocity, context.learningRate)));
    };
    return type;
}

} // namespace gradloom::train
