#include "engine/layers/layer_options.h"

#include <algorithm>
#include <numeric>

namespace gradloom::layers {

namespace {

struct Statistics
{
    ir::ValueId gamma, beta, mean, variance;
};

/// A normalised batch with the mean and the variance of its channels.
struct Normalised
{
    ir::ValueId y, mean, variance;
};

/// With the running statistics normalisation is one multiplication and one addition a channel.
ir::ValueId normalise(LowerContext& c, const Statistics& s)
{
    const auto root = c.b.unary("rsqrt", c.b.offset(s.variance, c.params.real("epsilon")));
    const auto scale = c.b.mul(s.gamma, root);
    const auto shift = c.b.sub(s.beta, c.b.mul(s.mean, scale));
    return c.b.add(c.b.mul(c.in(), scale), shift);
}

void follow(LowerContext& c, ir::ValueId running, ir::ValueId batch, double factor)
{
    const double momentum = c.params.real("momentum");
    c.b.update(running, c.b.add(c.b.scale(running, momentum), c.b.scale(batch, (1 - momentum) * factor)));
}

/// The mean of each channel over the whole batch.
ir::ValueId channelMeans(LowerContext& c, ir::ValueId x)
{
    const Shape shape = c.b.shape(x);
    std::vector<int64_t> axes(static_cast<size_t>(shape.rank() - 1));
    std::iota(axes.begin(), axes.end(), 0);
    const double rows = static_cast<double>(shape.elements() / shape[-1] * c.share.count);
    return c.b.scale(c.overShares(c.b.reduce("sum", x, axes)), 1 / rows);
}

/// By the statistics of the whole batch, of which this is a share.
Normalised normaliseShare(LowerContext& c, const Statistics& s)
{
    Normalised result{};
    result.mean = channelMeans(c, c.in());
    const auto centred = c.b.sub(c.in(), result.mean);
    result.variance = channelMeans(c, c.b.unary("square", centred));
    const auto root = c.b.unary("rsqrt", c.b.offset(result.variance, c.params.real("epsilon")));
    result.y = c.b.add(c.b.mul(centred, c.b.mul(s.gamma, root)), s.beta);
    return result;
}

Normalised normaliseBatch(LowerContext& c, const Statistics& s)
{
    if (c.share.count > 0)
        return normaliseShare(c, s);
    const auto results = c.b.ops("batch_norm", {c.in(), s.gamma, s.beta}, {{"epsilon", c.params.real("epsilon")}});
    return {results[0], results[1], results[2]};
}

std::vector<ir::ValueId> lowerBatchNorm(LowerContext& c)
{
    const Shape x = c.b.shape(c.in());
    const Shape channels{x[-1]};
    Statistics s{};
    s.gamma = c.weight("weight", channels, {"ones"});
    s.beta = c.weight("bias", channels, {"zeros"});
    s.mean = c.state("running_mean", channels, {"zeros"});
    s.variance = c.state("running_var", channels, {"ones"});
    ir::ValueId y = ir::noValue;
    if (c.training && !c.frozen()) {
        const Normalised batch = normaliseBatch(c, s);
        // The running variance is the unbiased one, as in PyTorch.
        const double rows = static_cast<double>(x.elements() / x[-1] * std::max<int64_t>(c.share.count, 1));
        follow(c, s.mean, batch.mean, 1);
        follow(c, s.variance, batch.variance, rows > 1 ? rows / (rows - 1) : 1);
        y = batch.y;
    } else {
        y = normalise(c, s);
    }
    return {c.activate(y, c.params.text("activation"))};
}

} // namespace

LayerType batch_norm()
{
    LayerType type;
    type.id = "batch_norm";
    type.title = "BatchNorm";
    type.category = "normalization";
    type.help = "Keeps each channel at mean 0 and deviation 1 over the batch, then scales and shifts it by learned numbers.";
    type.formula = "y = γ · (x − mean) / √(variance + ε) + β";
    type.parameters = {realParam("momentum", "Momentum", 0.9, 0, 1,
                           "Share of the old running statistics kept at each step (Keras' meaning; PyTorch's is 1 minus it)."),
        realParam("epsilon", "Epsilon", 1e-5, 1e-9, 1, "Keeps the division from zero."), activationParam(),
        switchParam("frozen", "Freeze weights", false, "Leaves γ, β and the running statistics as they are.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() < 1)
            return Fault{"BatchNorm needs at least (N, features) but gets " + batchShape(in[0].shape) + ".", {}};
        return in[0];
    };
    type.lower = lowerBatchNorm;
    type.summary = [](const Params& p) { return activationTitle(p.text("activation")); };
    type.samples = {{{}, {{Shape{4, 3, 3}, DType::F32}}}, {{}, {{Shape{6}, DType::F32}}},
        {{{"activation", std::string("relu")}}, {{Shape{3, 3, 2}, DType::F32}}},
        {{{"frozen", true}}, {{Shape{2, 2, 3}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
