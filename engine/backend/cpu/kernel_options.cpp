#include "engine/backend/cpu/kernel_options.h"

#include "engine/backend/cpu/kernels/tile.h"
#include "engine/ir/random_places.h"

namespace gradloom::cpu {

Epilogue epilogueOf(const Preparation& p, const float* bias)
{
    Epilogue epilogue;
    epilogue.bias = bias;
    if (p.op.attributes.textOr("activation", "none") == "relu")
        epilogue.activation = Activation::Relu;
    return epilogue;
}

ConvShape convShapeOf(const ir::Op& op, const Shape& x, const Shape& weights)
{
    const auto& stride = op.attributes.list("stride");
    const auto& padding = op.attributes.list("padding");
    const auto& dilation = op.attributes.list("dilation");
    ConvShape s;
    s.n = x[0];
    s.h = x[1];
    s.w = x[2];
    s.c = x[3];
    s.k = weights[3];
    s.kh = weights[0];
    s.kw = weights[1];
    s.strideH = stride[0];
    s.strideW = stride[1];
    s.dilationH = dilation[0];
    s.dilationW = dilation[1];
    s.padTop = padding[0];
    s.padLeft = padding[1];
    s.padBottom = padding[2];
    s.padRight = padding[3];
    s.groups = op.attributes.integerOr("groups", 1);
    s.winograd = prefersWinograd(s);
    return s;
}

PoolShape poolShapeOf(const ir::Op& op, const Shape& x)
{
    const auto& kernel = op.attributes.list("kernel");
    const auto& stride = op.attributes.list("stride");
    const auto& padding = op.attributes.list("padding");
    return {x[0], x[1], x[2], x[3], kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1], padding[2],
        padding[3]};
}

std::function<RandomKey()> randomKeyOf(const Preparation& p, size_t counter, int64_t first)
{
    return [words = p.in<int32_t>(counter), stream = static_cast<uint32_t>(p.op.attributes.integer("stream")), first] {
        const uint64_t high = static_cast<uint32_t>(words[1]);
        return RandomKey{
            high << 32 | static_cast<uint32_t>(words[0]), stream, static_cast<uint32_t>(words[2]), first};
    };
}

double convWork(const ConvShape& s)
{
    return 2.0 * static_cast<double>(s.n * s.oh() * s.ow()) * static_cast<double>(s.weightSize());
}

void addBatchStatistics(Preparation& p, const BatchNormShape& shape, const float* x, const BatchStatistics& to)
{
    const int64_t partials = p.common(batchNormPartials(shape));
    const auto partialsAt = [=, scratch = p.scratch] { return reinterpret_cast<float*>(scratch->common) + partials; };
    const double work = 4.0 * static_cast<double>(shape.rows * shape.c);
    p.phase(batchNormUnits(shape), work,
        [=](int64_t begin, int64_t end, int) { batchNormStats(shape, x, partialsAt(), begin, end); });
    p.phase(1, 0, [=](int64_t, int64_t, int) { batchNormFinish(shape, partialsAt(), to.mean, to.variance); });
}

AttentionShape attentionShapeOf(const Preparation& p)
{
    const Params& attributes = p.op.attributes;
    AttentionShape s;
    s.batch = p.inShape(0)[0];
    s.heads = attributes.integer("heads");
    s.queries = p.inShape(0)[1];
    s.keys = p.inShape(1)[1];
    s.size = p.inShape(0)[2] / s.heads;
    s.valueSize = p.inShape(2)[2] / s.heads;
    s.causal = attributes.flag("causal");
    s.scale = static_cast<float>(attributes.real("scale"));
    s.rate = static_cast<float>(attributes.real("rate"));
    const ir::RandomUnits drawn = ir::randomUnits(attributes, s.batch * s.heads);
    s.firstDrawn = drawn.first;
    s.laterUnits = drawn.later;
    s.laterBy = drawn.laterBy;
    return s;
}

AttentionOperands attentionOperandsOf(const Preparation& p)
{
    AttentionOperands in;
    in.q = p.in(0);
    in.k = p.in(1);
    in.v = p.in(2);
    in.mask = p.in(3);
    return in;
}

double attentionWork(const AttentionShape& s)
{
    constexpr double exponential = 20;
    return static_cast<double>(s.batch * s.heads * s.queries * s.keys) *
           (2.0 * static_cast<double>(s.size + s.valueSize) + exponential);
}

std::string convKernelName(const ConvShape& shape)
{
    if (!shape.winograd)
        return "direct " + tileName();
    return "Winograd " + winogradName(shape) + (shape.strideH == 1 ? "" : ", 4 phases");
}

std::string tileName()
{
    return std::to_string(tileKernels().rows) + "×" + std::to_string(tileKernels().width);
}

} // namespace gradloom::cpu
