#include "engine/layers/layer_type.h"

#include <algorithm>

namespace gradloom::layers {

using ir::ValueId;

ValueId LowerContext::batchInput(const std::string& name, const TensorType& perSample)
{
    const ValueId known = b.program().find(name);
    return known != ir::noValue ? known : b.input(name, {perSample.shape.prepended(batch), perSample.dtype});
}

ValueId LowerContext::target()
{
    const TensorType type = inputTypes.size() > 1 ? inputTypes[1] : TensorType{Shape(), DType::I32};
    truth = inputs.size() > 1 && inputs[1] != ir::noValue ? inputs[1] : batchInput("labels", type);
    return truth;
}

std::string targetInputName(const TargetTypes& targets, const std::string& name)
{
    const bool first = name.empty() || (!targets.empty() && targets.front().name == name);
    return first ? "labels" : "labels:" + name;
}

bool LowerContext::frozen() const
{
    return params.has("frozen") && params.flag("frozen");
}

ValueId LowerContext::weight(const std::string& name, Shape shape, ir::Initializer initializer)
{
    return b.parameter(node + "." + name, shape, std::move(initializer), !frozen());
}

ValueId LowerContext::kernel(Shape shape, int64_t fanIn, int64_t fanOut)
{
    return kernel("weight", shape, {params.text("initializer"), fanIn, fanOut});
}

ValueId LowerContext::kernel(const std::string& name, Shape shape, ir::Initializer initializer)
{
    const ValueId w = weight(name, shape, std::move(initializer));
    if (frozen())
        return w;
    if (const double l1 = params.realOr("l1", 0); l1 > 0)
        penalties.push_back(b.scale(b.reduceAll("sum", b.unary("abs", w)), l1));
    if (const double l2 = params.realOr("l2", 0); l2 > 0)
        penalties.push_back(b.scale(b.reduceAll("sum", b.unary("square", w)), l2));
    if (const double limit = params.realOr("max_norm", 0); limit > 0)
        maxNorms.push_back({w, limit});
    return w;
}

ValueId LowerContext::state(const std::string& name, Shape shape, ir::Initializer initializer)
{
    return b.state(node + "." + name, shape, std::move(initializer));
}

ValueId LowerContext::randomCounter()
{
    const ValueId known = b.program().find("random");
    return known != ir::noValue ? known : b.input("random", {Shape{4}, DType::I32});
}

int64_t LowerContext::randomStream() const
{
    // FNV-1a of the node's name.
    uint32_t hash = 2166136261u;
    for (unsigned char c : node)
        hash = (hash ^ c) * 16777619u;
    return hash;
}

Params LowerContext::randomOptions(Params options, int64_t samples, int64_t perSample) const
{
    if (share.count < 2)
        return options;
    const int64_t size = share.samples * perSample;
    std::vector<int64_t> places; // a GAN's discriminator has real samples, then fake ones
    for (int64_t part = 0; part < samples / share.samples; ++part)
        places.push_back((part * share.count + share.index) * size);
    options.set("places", places);
    return options;
}

ValueId LowerContext::drop(ValueId x, double rate, int64_t stream)
{
    return b.op("dropout", {x, randomCounter()},
        randomOptions({{"rate", rate}, {"stream", stream}}, batch, b.shape(x).elements() / batch));
}

ValueId LowerContext::randomNumbers(const std::string& kind, const Shape& shape)
{
    return b.op("random_fill", {randomCounter()},
        randomOptions({{"kind", kind}, {"shape", shape.toVector()}, {"stream", randomStream()}}, shape[0],
            shape.elements() / shape[0]));
}

ValueId LowerContext::before(const std::string& type, ValueId x)
{
    const auto& ops = b.program().ops;
    const auto made = std::find_if(ops.begin(), ops.end(), [x](const ir::Op& op) { return op.outputs[0] == x; });
    if (made == ops.end())
        return x;
    const ValueId operand = made->inputs.empty() ? ir::noValue : made->inputs[0];
    if (made->type->id == type || (made->type->id == "unary" && made->attributes.text("fn") == type))
        return operand;
    // Dense on a sequence puts a reshape behind its activation; a softmax over rows of another length is another one.
    if (made->type->id != "reshape" || (type == "softmax" && b.shape(operand)[-1] != b.shape(x)[-1]))
        return x;
    const ValueId deeper = before(type, operand);
    return deeper == operand ? x : b.reshape(deeper, b.shape(x));
}

} // namespace gradloom::layers
