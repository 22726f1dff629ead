#include "engine/train/moment_rules.h"

namespace gradloom::train {

/// Kingma and Ba, "Adam: A method for stochastic optimization", 2015, algorithm 1. ε is added to the root of
/// the corrected second moment, as there and in PyTorch.
OptimizerType adam()
{
    OptimizerType type;
    type.id = "adam";
    type.title = "Adam";
    type.help = "Gives every weight its own step length from the mean and the spread of its gradients.";
    type.formula = "m ← β₁·m + (1−β₁)·g;  v ← β₂·v + (1−β₂)·g²;  w ← w − η·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)";
    type.parameters = {realParam(
        "learning_rate", "Learning rate", 0.001, 0.0, 100.0, "η: about how far a weight moves in a step.")};
    for (ParamSpec& spec : momentSpecs(0.9, 0.999))
        type.parameters.push_back(std::move(spec));
    type.parameters.push_back(epsilonSpec(1e-8));
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const ir::ValueId change = adamChange(context);
        b.update(context.weights, b.sub(context.weights, change));
    };
    return type;
}

} // namespace gradloom::train
