#include "engine/layers/layer_options.h"

namespace gradloom::layers {

namespace {

/// KL(N(μ, σ²) ‖ N(0, 1)) summed over the latent numbers, in nats, shape {N}. Kingma and Welling 2014, appendix B.
ir::ValueId divergenceFromPrior(ir::Builder& b, ir::ValueId mean, ir::ValueId logVariance)
{
    const auto spread = b.sub(b.unary("exp", logVariance), b.offset(logVariance, 1));
    return b.scale(b.reduce("sum", b.add(b.unary("square", mean), spread), {1}), 0.5);
}

std::vector<ir::ValueId> lowerSampleZ(LowerContext& c)
{
    ir::Builder& b = c.b;
    c.generative = true;
    const auto noise = c.randomNumbers("normal", b.shape(c.in(0)));
    if (c.generate)
        return {noise};
    const auto divergence = divergenceFromPrior(b, c.in(0), c.in(1));
    if (const double beta = c.params.real("beta"); beta > 0)
        c.addLoss(divergence, beta);
    c.addMetric("kl", divergence);
    return {b.add(c.in(0), b.mul(noise, b.unary("exp", b.scale(c.in(1), 0.5))))};
}

} // namespace

/// Kingma and Welling, "Auto-encoding variational Bayes", 2014, equation 10; β as in Higgins et al. 2017.
LayerType sample_z()
{
    LayerType type;
    type.id = "sample_z";
    type.title = "Sample z";
    type.category = "generative";
    type.help = "The heart of a variational autoencoder: draws the code from a normal distribution whose mean and variance "
                "the encoder says, and adds the KL term that keeps it close to N(0, 1).";
    type.formula = "z = μ + e^(½·ln σ²) · ε;  L = β · ½ Σ (μ² + σ² − ln σ² − 1)";
    type.inputs = {{"mean", "μ, from the encoder", false}, {"log variance", "ln σ², from the encoder", false}};
    type.parameters = {realParam("beta", "β", 1, 0, 1e6,
        "Weight of the KL term. With a reconstruction loss that is summed over the pixels (a weight of as many as "
        "there are), 1 makes the loss the negative ELBO.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() != 1)
            return needsFeatures("Sample z", in[0].shape);
        if (!(in[0].shape == in[1].shape))
            return Fault{"Sample z needs a mean and a log variance of one size but gets " + batchShape(in[0].shape) +
                    " and " + batchShape(in[1].shape) + ". Give both layers the same number of units.",
                {}};
        return in[0];
    };
    type.lower = lowerSampleZ;
    type.summary = [](const Params& p) { return "β = " + formatParam(p.real("beta")); };
    const TensorType code{Shape{4}, DType::F32};
    type.samples = {{{}, {code, code}}, {{{"beta", 0.5}}, {{Shape{1}, DType::F32}, {Shape{1}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
