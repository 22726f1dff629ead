#include "engine/layers/attention_layer.h"

#include <algorithm>
#include <cmath>

namespace gradloom::layers {

using ir::noValue;
using ir::ValueId;

std::vector<Port> maskedSequencePorts()
{
    return {{"in", "a sequence (steps, features)", false},
        {"mask", "1 for real steps, 0 for padding, which nobody attends to", true}};
}

std::vector<ParamSpec> weightParamsWithout(std::initializer_list<std::string_view> keys)
{
    auto specs = weightParams();
    std::erase_if(specs,
        [&](const ParamSpec& spec) { return std::find(keys.begin(), keys.end(), spec.key) != keys.end(); });
    return specs;
}

TensorType typeAt(std::span<const TensorType> inputs, size_t port)
{
    return port < inputs.size() ? inputs[port] : unconnected;
}

std::optional<Fault> sequenceFault(const std::string& title, const TensorType& input)
{
    const Shape& x = input.shape;
    if (x.rank() == 2)
        return {};
    Fault fault{title + " needs a sequence (N, steps, features) but gets " + batchShape(x) + ".", {}};
    if (x.rank() == 0)
        return fault;
    const std::vector<int64_t> rows{x[0], x.elements() / x[0]};
    fault.message += " Insert Reshape.";
    fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Reshape to " + Shape(rows).toString(),
        "reshape", {{"shape", rows}}, 0, {}, {}});
    return fault;
}

std::optional<Fault> maskFault(const std::string& title, const TensorType& mask, int64_t steps)
{
    if (mask == unconnected || mask.shape == Shape{steps})
        return {};
    return Fault{title + " needs a mask " + batchShape(Shape{steps}) + ", one number a step, but gets " +
                     batchShape(mask.shape) + ". Connect the mask of the Embedding this sequence comes from.",
        {}};
}

ValueId project(
    LowerContext& c, ValueId x, const std::string& name, int64_t units, const std::string& activation)
{
    const Shape shape = c.b.shape(x);
    const int64_t features = shape[-1];
    const auto weight =
        c.kernel(name + "_weight", Shape{features, units}, {c.params.text("initializer"), features, units});
    const bool bias = !c.params.has("use_bias") || c.params.flag("use_bias");
    const auto shift = bias ? c.weight(name + "_bias", Shape{units}, {"zeros"}) : noValue;
    const auto rows = c.b.reshape(x, Shape{shape.elements() / features, features});
    const auto y = c.b.op("gemm", {rows, weight, shift}, {{"trans_a", false}, {"trans_b", false}});
    Shape result = shape;
    result.setExtent(-1, units);
    return c.b.reshape(c.activate(y, activation), result);
}

ValueId attend(LowerContext& c, ValueId x, ValueId from, ValueId mask, const AttentionOptions& o)
{
    const int64_t size = o.heads * o.headSize;
    const auto q = project(c, x, o.prefix + "query", size);
    const auto k = project(c, from, o.prefix + "key", size);
    const auto v = project(c, from, o.prefix + "value", size);
    const double rate = c.training ? o.dropout : 0;
    const auto counter = rate > 0 ? c.randomCounter() : noValue;
    const Params options{{"heads", o.heads}, {"causal", o.causal},
        {"scale", 1 / std::sqrt(static_cast<double>(o.headSize))}, {"rate", rate},
        {"stream", c.randomStream() + o.stream}};
    return c.b.op("attention", {q, k, v, mask, counter},
        rate > 0 ? c.randomOptions(options, c.batch, o.heads) : options); // a sequence for each head
}

ValueId dropped(LowerContext& c, ValueId x, double rate, int64_t stream)
{
    if (!c.training || rate == 0)
        return x;
    return c.drop(x, rate, c.randomStream() + stream);
}

int64_t fittingHeads(int64_t features, int64_t heads)
{
    int64_t fitting = std::min(heads, features);
    while (features % fitting != 0)
        --fitting;
    return fitting;
}

std::optional<Fault> headsFault(const std::string& title, int64_t features, int64_t heads)
{
    if (features % heads == 0)
        return {};
    const std::string fitting = std::to_string(fittingHeads(features, heads));
    return Fault{title + " cannot divide " + std::to_string(features) + " features among " +
                     std::to_string(heads) + " heads. Use " + fitting + ".",
        {{Repair::Kind::SetParameter, "Use " + fitting + (fitting == "1" ? " head" : " heads"), {}, {}, 0,
            "heads", fittingHeads(features, heads)}}};
}

} // namespace gradloom::layers
