#include "engine/layers/loss_options.h"

#include <numeric>

namespace gradloom::layers {

LayerType lossLayer(std::string id, std::string title)
{
    LayerType type;
    type.id = std::move(id);
    type.title = std::move(title);
    type.category = "loss";
    type.role = Role::Loss;
    type.inputs = {{"prediction", "what the network says", false},
        {"target", "what is true; the data set's labels where nothing is connected", true, Takes::Both}};
    type.outputs = {};
    type.parameters = {realParam(
        "weight", "Weight", 1, 0, 1e6, "Share of this loss in the total, where there are several.")};
    type.summary = [](const Params& p) {
        return p.real("weight") == 1 ? std::string() : "weight " + formatParam(p.real("weight"));
    };
    return type;
}

Inferred numbersTarget(const std::string& title, std::span<const TensorType> in)
{
    const bool labels = in[1].dtype == DType::I32 && in[1].shape.rank() == 0 && in[0].shape.rank() == 1;
    if (!labels && !(in[1].dtype == DType::F32 && in[0].shape == in[1].shape))
        return targetMismatch(title, in);
    return std::vector<TensorType>{};
}

Fault targetMismatch(const std::string& title, std::span<const TensorType> inputs)
{
    return {title + " compares a prediction " + batchShape(inputs[0].shape) + " with a target " +
                batchShape(inputs[1].shape) + ". Make their shapes equal.",
        {}};
}

ir::ValueId floatTarget(LowerContext& c, ir::ValueId target)
{
    if (c.b.type(target).dtype != DType::I32)
        return target;
    const Shape& x = c.b.shape(c.in());
    if (x[1] > 1)
        return c.b.op("one_hot", {target}, {{"classes", x[1]}});
    const auto both = c.b.op("one_hot", {target}, {{"classes", int64_t{2}}});
    return c.b.op(
        "slice", {both}, {{"start", std::vector<int64_t>{0, 1}}, {"size", std::vector<int64_t>{x[0], 1}}});
}

ir::ValueId spreadOver(ir::Builder& b, ir::ValueId x, ir::ValueId like)
{
    const Shape shape = b.shape(like);
    Shape kept = shape;
    kept.setExtent(shape.rank() - 1, 1);
    return b.op("broadcast", {b.reshape(x, kept)}, {{"shape", shape.toVector()}});
}

ir::ValueId logSoftmaxOf(ir::Builder& b, ir::ValueId x)
{
    const std::vector<int64_t> last{b.shape(x).rank() - 1};
    const auto shifted = b.sub(x, spreadOver(b, b.reduce("max", x, last), x));
    const auto logSum = b.unary("log", b.reduce("sum", b.unary("exp", shifted), last));
    return b.sub(shifted, spreadOver(b, logSum, x));
}

ir::ValueId sameSide(ir::Builder& b, ir::ValueId x, double threshold, ir::ValueId t, double targetThreshold)
{
    return b.binary(
        "equal", b.unary("step", b.offset(x, -threshold)), b.unary("step", b.offset(t, -targetThreshold)));
}

ir::ValueId meanOfSample(ir::Builder& b, ir::ValueId x)
{
    std::vector<int64_t> axes(static_cast<size_t>(b.shape(x).rank() - 1));
    std::iota(axes.begin(), axes.end(), 1);
    return axes.empty() ? x : b.reduce("mean", x, axes);
}

} // namespace gradloom::layers
