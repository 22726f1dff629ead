#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2, in PyTorch's form: the
/// decay is multiplied by the learning rate and acts on all weights, biases and normalisation included.
OptimizerType adamw()
{
    OptimizerType type;
    type.id = "adamw";
    type.title = "AdamW";
    type.help =
        "Adam whose weights also shrink by a constant share at each step, whatever their gradients: all "
        "weights do, biases too.";
    type.formula = "w ← w − η·λ·w;  then as Adam";
    type.parameters = {realParam("learning_rate", "Learning rate", 0.001, 0.0, 100.0,
                           "η: about how far a weight moves in a step."),
        realParam("weight_decay", "Weight decay", 0.01, 0.0, 10.0,
            "λ: share of every weight, times the learning rate, that is taken off at each step.")};
    for (ParamSpec& spec : momentSpecs(0.9, 0.999))
        type.parameters.push_back(std::move(spec));
    type.parameters.push_back(epsilonSpec(1e-8));
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double decay = context.params.real("weight_decay");
        const ir::ValueId kept = b.offset(b.scale(context.learningRate, -decay), 1.0);
        const ir::ValueId decayed = b.mul(context.weights, kept); // before what the CPU computes as one
        b.update(context.weights, b.sub(decayed, adamChange(context)));
    };
    return type;
}

} // namespace gradloom::train
