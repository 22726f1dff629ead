#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Chen et al., "Symbolic discovery of optimization algorithms", 2023, program 1.
OptimizerType lion()
{
    OptimizerType type;
    type.id = "lion";
    type.title = "Lion";
    type.help = "Moves every weight by the same length, along the sign of its smoothed gradient; wants a "
                "learning rate "
                "a third to a tenth of Adam's. Weight decay acts on all weights.";
    type.formula = "c = β₁·m + (1−β₁)·g;  w ← w − η·(sign c + λ·w);  m ← β₂·m + (1−β₂)·g";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.0001, 0.0, 100.0,
                           "η: how far every weight moves in a step."),
        realParam("weight_decay", "Weight decay", 0.0, 0.0, 1000.0,
            "λ: share of every weight, times the learning rate, that is taken off at each step.")};
    for (ParamSpec& spec : momentSpecs(0.9, 0.99))
        type.parameters.push_back(std::move(spec));
    type.parameters[2].help = "Share of the momentum in the direction of a step.";
    type.parameters[3].help = "How slowly the momentum forgets.";
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double beta1 = context.params.real("beta1");
        const ir::ValueId slot = context.slot("momentum");
        // Both means from the difference they share, so that one pass computes them.
        const ir::ValueId difference = b.sub(context.gradients, slot);
        const ir::ValueId c = b.add(slot, b.scale(difference, 1.0 - beta1));
        ir::ValueId direction = b.unary("sign", c);
        if (const double decay = context.params.real("weight_decay"); decay > 0)
            direction = b.add(direction, b.scale(context.weights, decay));
        b.update(slot, b.add(slot, b.scale(difference, 1.0 - context.params.real("beta2"))));
        b.update(context.weights, b.sub(context.weights, b.mul(direction, context.learningRate)));
    };
    return type;
}

} // namespace gradloom::train
