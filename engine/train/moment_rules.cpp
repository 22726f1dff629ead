#include "engine/train/moment_rules.h"

#include <cmath>

namespace gradloom::train {

using ir::ValueId;

std::vector<ParamSpec> momentSpecs(double beta1, double beta2)
{
    return {realParam("beta1", "β₁", beta1, 0.0, 0.999999, "How slowly the mean of the gradients forgets."),
        realParam(
            "beta2", "β₂", beta2, 0.0, 0.99999999, "How slowly the mean of the squared gradients forgets.")};
}

ParamSpec epsilonSpec(double value)
{
    return realParam(
        "epsilon", "ε", value, 1e-16, 1.0, "Keeps the division harmless where gradients vanish.");
}

// Written as −2u/(1−u) with u = tanh(t·ln β/2), because 1 − exp(t·ln β) in single precision loses four digits
// at the first steps, when βᵗ is close to 1.
ValueId biasCorrection(ir::Builder& b, ValueId step, double beta)
{
    const ValueId u = b.unary("tanh", b.scale(step, 0.5 * std::log(beta)));
    return b.div(b.scale(u, -2.0), b.offset(b.unary("neg", u), 1.0));
}

ValueId movingAverage(ir::Builder& b, ValueId old, ValueId x, double beta)
{
    const ValueId updated = b.add(b.scale(old, beta), b.scale(x, 1.0 - beta));
    b.update(old, updated);
    return updated;
}

ValueId correctedRoot(OptimizerContext& context)
{
    ir::Builder& b = context.b;
    const double beta2 = context.params.real("beta2");
    const ValueId slot = context.slot("square");
    // Everything of shape {1} comes first: the pass over the weights then only multiplies by a number.
    const ValueId correction =
        beta2 > 0 ? b.unary("reciprocal", b.unary("sqrt", biasCorrection(b, context.step, beta2)))
                  : ir::noValue;
    const ValueId square = movingAverage(b, slot, b.unary("square", context.gradients), beta2);
    ValueId root = b.unary("sqrt", square);
    if (correction != ir::noValue)
        root = b.mul(root, correction);
    return b.offset(root, context.params.real("epsilon"));
}

ValueId adamChange(OptimizerContext& context)
{
    ir::Builder& b = context.b;
    const double beta1 = context.params.real("beta1");
    const ValueId slot = context.slot("mean");
    ValueId rate = context.learningRate;
    if (beta1 > 0)
        rate = b.div(rate, biasCorrection(b, context.step, beta1));
    const ValueId mean = movingAverage(b, slot, context.gradients, beta1);
    return b.mul(b.div(mean, correctedRoot(context)), rate);
}

} // namespace gradloom::train
