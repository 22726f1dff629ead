#include "engine/layers/attention_layer.h"

namespace gradloom::layers {

namespace {

/// Share of each step in the mean: 0 for padding, together 1 (0 where all is
/// padding).
ir::ValueId stepShares(LowerContext& c, ir::ValueId mask)
{
    ir::Builder& b = c.b;
    const Shape shape = b.shape(mask);
    const auto real = b.unary("step", b.offset(mask, -0.5));
    const auto one = b.op("fill", {}, {{"shape", std::vector<int64_t>{1}}, {"value", 1.0}});
    const auto count = b.binary("max", b.reduce("sum", real, {1}, true), one);
    return b.div(real, b.op("broadcast", {count}, {{"shape", shape.toVector()}}));
}

} // namespace

LayerType global_avg_pool1d()
{
    LayerType type;
    type.id = "global_avg_pool1d";
    type.title = "GlobalAvgPool1D";
    type.category = "pooling";
    type.help = "Averages each feature over all steps of a sequence: one vector, "
                "however long the sequence. With a mask the padding "
                "does not count.";
    type.formula = "y(f) = mean over the real steps t of x(t,f)";
    type.inputs = {{"in", "a sequence (steps, features)", false},
        {"mask", "1 for real steps, 0 for padding, which does not count", true}};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (auto fault = sequenceFault("GlobalAvgPool1D", in[0]))
            return *fault;
        if (auto fault = maskFault("GlobalAvgPool1D", typeAt(in, 1), in[0].shape[0]))
            return *fault;
        return Shape{in[0].shape[1]};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Builder& b = c.b;
        if (c.in(1) == ir::noValue)
            return {b.reduce("mean", c.in(), {1})};
        const Shape x = b.shape(c.in());
        const auto shares = b.reshape(stepShares(c, c.in(1)), Shape{x[0], x[1], 1});
        return {b.reduce("sum", b.mul(c.in(), b.op("broadcast", {shares}, {{"shape", x.toVector()}})), {1})};
    };
    type.summary = [](const Params&) { return std::string(); };
    const auto f = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {f({5, 3})}}, {{}, {f({7, 2}), f({7})}}, {{}, {f({1, 4}), f({1})}}};
    return type;
}

} // namespace gradloom::layers
