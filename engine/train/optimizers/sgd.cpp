#include "engine/train/optimizer_type.h"

namespace gradloom::train {

/// Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, in the form
/// PyTorch uses: the learning rate scales the velocity when it is applied, not when it is gathered.
OptimizerType sgd()
{
    OptimizerType type;
    type.id = "sgd";
    type.title = "SGD";
    type.help = "Goes down the gradient of each batch, with momentum if wanted.";
    type.formula = "v ← μ·v + g;  w ← w − η·v   (Nesterov: w ← w − η·(g + μ·v))";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.01, 0.0, 100.0,
                           "η: length of a step along the gradient."),
        realParam(
            "momentum", "Momentum", 0.0, 0.0, 0.9999, "μ: share of the last velocity that is kept; 0: none."),
        switchParam("nesterov", "Nesterov", false, "Looks ahead along the velocity; needs momentum.")};
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double momentum = context.params.real("momentum");
        ir::ValueId direction = context.gradients;
        if (momentum > 0) {
            const ir::ValueId slot = context.slot("velocity");
            const ir::ValueId velocity = b.add(b.scale(slot, momentum), context.gradients);
            b.update(slot, velocity);
            direction = context.params.flag("nesterov")
                            ? b.add(context.gradients, b.scale(velocity, momentum))
                            : velocity;
        }
        b.update(context.weights, b.sub(context.weights, b.mul(direction, context.learningRate)));
    };
    return type;
}

} // namespace gradloom::train
