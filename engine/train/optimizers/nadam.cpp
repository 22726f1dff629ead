#include "engine/train/moment_rules.h"

#include <cmath>

namespace gradloom::train {

/// Dozat, "Incorporating Nesterov momentum into Adam", 2016, with the momentum schedule μₜ = β₁(1 −
/// ½·0.96^(tψ)) as in PyTorch.
OptimizerType nadam()
{
    OptimizerType type;
    type.id = "nadam";
    type.title = "Nadam";
    type.help = "Adam that looks ahead along its momentum, as Nesterov does.";
    type.formula = "μₜ = β₁·(1 − ½·0.96^(t·ψ));  w ← w − η·(μₜ₊₁·m/(1−∏μ₁..ₜ₊₁) + (1−μₜ)·g/(1−∏μ₁..ₜ)) / "
                   "(√(v/(1−β₂ᵗ)) + ε)";
    type.parameters = {realParam(
        "learning_rate", "Learning rate", 0.002, 0.0, 100.0, "η: about how far a weight moves in a step.")};
    for (ParamSpec& spec : momentSpecs(0.9, 0.999))
        type.parameters.push_back(std::move(spec));
    type.parameters.push_back(epsilonSpec(1e-8));
    type.parameters.push_back(realParam("momentum_decay", "Momentum decay", 0.004, 0.0, 1.0,
        "ψ: how fast the momentum grows from half of β₁ to all of it."));
    type.update = [](OptimizerContext& context) {
        ir::Builder& b = context.b;
        const double beta1 = context.params.real("beta1");
        const double decay = context.params.real("momentum_decay") * std::log(0.96);
        const auto momentumAt = [&](ir::ValueId step) {
            const ir::ValueId power = b.unary("exp", b.scale(step, decay));
            return b.scale(b.offset(b.scale(power, -0.5), 1.0), beta1);
        };
        const auto rest = [&](ir::ValueId x) { return b.offset(b.unary("neg", x), 1.0); };
        // The product of all μ so far; kept as 1 − ∏, because what is kept starts at zero.
        const ir::ValueId restSlot = context.numberSlot("momentum_rest");
        const ir::ValueId now = momentumAt(context.step);
        const ir::ValueId next = momentumAt(b.offset(context.step, 1.0));
        const ir::ValueId product = b.mul(rest(restSlot), now);
        const ir::ValueId productRest = rest(product);
        b.update(restSlot, productRest);
        const ir::ValueId meanRate = b.div(b.mul(context.learningRate, next), rest(b.mul(product, next)));
        const ir::ValueId gradientRate = b.div(b.mul(context.learningRate, rest(now)), productRest);

        const ir::ValueId mean = movingAverage(b, context.slot("mean"), context.gradients, beta1);
        const ir::ValueId direction = b.add(b.mul(mean, meanRate), b.mul(context.gradients, gradientRate));
        b.update(context.weights, b.sub(context.weights, b.div(direction, correctedRoot(context))));
    };
    return type;
}

} // namespace gradloom::train
