// Speed of the CPU kernels on one core: GFLOP/s and the share of the core's measured FMA peak. Without
// arguments it measures the best instruction set; with names (AVX2 SSE4) those. Times are the best of several
// rounds, so that other work on the machine disturbs little.

#include "engine/backend/cpu/kernels/kernels.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <vector>

using namespace gradloom::cpu;

namespace {

/// Buffers start on cache lines, as the engine's do.
template <class T>
struct LineAllocator
{
    using value_type = T;
    LineAllocator() = default;
    template <class U>
    LineAllocator(const LineAllocator<U>&)
    {
    }
    T* allocate(size_t count)
    {
        return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{64}));
    }
    void deallocate(T* data, size_t) { ::operator delete (data, std::align_val_t{64}); }
    bool operator==(const LineAllocator&) const = default;
};
using Buffer = std::vector<float, LineAllocator<float>>;

Buffer randomFloats(int64_t size)
{
    static std::mt19937 generator(1);
    std::uniform_real_distribution<float> values(-1.0F, 1.0F);
    Buffer data(static_cast<size_t>(size) + 16);
    for (float& v : data)
        v = values(generator);
    return data;
}

/// Seconds of the fastest run: processor time, of rounds short enough to fall between other programs' turns.
double bestSeconds(const std::function<void()>& run)
{
    const auto time = [&](int repeats) {
        const std::clock_t start = std::clock();
        for (int i = 0; i < repeats; ++i)
            run();
        return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    };
    run();
    const int repeats = static_cast<int>(std::clamp(0.002 / std::max(time(1), 1e-7), 1.0, 1e5));
    double best = 1e30;
    for (int round = 0; round < 40; ++round)
        best = std::min(best, time(repeats) / repeats);
    return best;
}

double peak = 1;

void report(const std::string& name, double flops, const std::function<void()>& run)
{
    const double seconds = bestSeconds(run);
    const double rate = flops / seconds * 1e-9;
    std::printf(
        "  %-44s %9.1f us %8.1f GFLOP/s %5.0f %%\n", name.c_str(), seconds * 1e6, rate, 100 * rate / peak);
}

void reportBandwidth(const std::string& name, double bytes, const std::function<void()>& run)
{
    const double seconds = bestSeconds(run);
    std::printf("  %-44s %9.1f us %8.1f GB/s\n", name.c_str(), seconds * 1e6, bytes / seconds * 1e-9);
}

void benchConvWith(const std::string& name, const ConvShape& s, bool dataGradient)
{
    const double flops = 2.0 * static_cast<double>(s.n * s.oh() * s.ow() * s.k * s.kh * s.kw * s.groupC());
    const auto x = randomFloats(s.n * s.h * s.w * s.c);
    const auto w = randomFloats(s.weightSize());
    const auto bias = randomFloats(s.k);
    auto y = randomFloats(s.n * s.oh() * s.ow() * s.k);
    auto dx = x;
    auto dw = w;
    auto db = bias;
    auto packed = randomFloats(convPackedSize(s));
    auto packedData = randomFloats(convDataPackedSize(s));
    auto scratch = randomFloats(std::max({convForwardScratch(s), convDataScratch(s), convWeightScratch(s)}));
    convPack(s, w.data(), packed.data(), 0, convPackUnits(s));
    convDataPack(s, w.data(), packedData.data(), 0, convDataPackUnits(s));
    report(name + " forward", flops, [&] {
        convForward(s, {x.data(), packed.data(), {bias.data(), Activation::Relu}, y.data(), scratch.data()},
            0, convForwardUnits(s));
    });
    if (dataGradient)
        report(name + " data gradient", flops, [&] {
            convBackwardData(
                s, {y.data(), packedData.data(), {}, dx.data(), scratch.data()}, 0, convDataUnits(s));
        });
    const ConvWeightSplit split = convWeightSplit(s, 1);
    auto partials = randomFloats(convWeightPartials(s, split));
    report(name + " weight gradient", flops, [&] {
        const ConvWeightArgs args{
            x.data(), y.data(), dw.data(), db.data(), false, partials.data(), scratch.data()};
        convBackwardWeights(s, split, args, 0, split.units());
        convReduceWeights(s, split, args, 0, convReduceUnits(s, split));
    });
    reportBandwidth(
        name + " packing, both", 8.0 * static_cast<double>(packed.size() + packedData.size()), [&] {
            convPack(s, w.data(), packed.data(), 0, convPackUnits(s));
            convDataPack(s, w.data(), packedData.data(), 0, convDataPackUnits(s));
        });
}

/// Direct, and Winograd where that is possible; its GFLOP/s count the operations of the direct form.
void benchConv(const std::string& name, ConvShape s, bool dataGradient = true)
{
    benchConvWith(name, s, dataGradient);
    forceConvAlgorithm(ConvAlgorithm::Winograd);
    s.winograd = prefersWinograd(s);
    forceConvAlgorithm(ConvAlgorithm::Automatic);
    if (s.winograd)
        benchConvWith(name + " (Winograd)", s, dataGradient);
}

void benchDepthwise(const std::string& name, ConvShape s)
{
    s.groups = s.c;
    const double flops = 2.0 * static_cast<double>(s.n * s.oh() * s.ow() * s.k * s.kh * s.kw);
    const auto x = randomFloats(s.n * s.h * s.w * s.c);
    const auto w = randomFloats(s.weightSize());
    const auto bias = randomFloats(s.k);
    auto y = randomFloats(s.n * s.oh() * s.ow() * s.k);
    auto dx = x;
    auto dw = w;
    auto db = bias;
    report(name + " forward", flops, [&] {
        depthwiseForward(
            s, {x.data(), w.data(), {bias.data(), Activation::Relu}, y.data()}, 0, depthwiseUnits(s));
    });
    report(name + " data gradient", flops, [&] {
        depthwiseBackwardData(s, {y.data(), w.data(), dx.data()}, 0, depthwiseDataUnits(s));
    });
    report(name + " weight gradient", flops, [&] {
        depthwiseBackwardWeights(
            s, {x.data(), y.data(), dw.data(), db.data(), false}, 0, depthwiseWeightUnits(s));
    });
}

void benchGemm(const std::string& name, const GemmOperand& operand, GemmShape s)
{
    s.n = operand.n;
    s.k = operand.k;
    s.lda = s.transposedA ? s.m : s.k;
    s.ldc = s.n;
    const auto a = randomFloats(s.m * s.k);
    const auto b = randomFloats(s.n * s.k);
    auto c = randomFloats(s.m * s.n);
    auto packed = randomFloats(gemmPackedSize(s.k, s.n));
    gemmPack(operand, b.data(), packed.data(), 0, gemmPackUnits(s.k, s.n));
    const double flops = 2.0 * static_cast<double>(s.m * s.n * s.k);
    report(name, flops, [&] { gemm(s, {a.data(), packed.data(), {}, c.data()}, 0, gemmUnits(s)); });
    report(name + ", packing too", flops, [&] {
        gemmPack(operand, b.data(), packed.data(), 0, gemmPackUnits(s.k, s.n));
        gemm(s, {a.data(), packed.data(), {}, c.data()}, 0, gemmUnits(s));
    });
    if (!gemmReadsStored(operand))
        return;
    s.ldb = operand.ld;
    report(name + ", B as stored", flops, [&] { gemm(s, {a.data(), b.data(), {}, c.data()}, 0, gemmUnits(s)); });
}

void benchDense(int64_t batch, int64_t in, int64_t out)
{
    const std::string name =
        "dense " + std::to_string(in) + "x" + std::to_string(out) + " b" + std::to_string(batch);
    GemmShape shape;
    shape.m = batch;
    benchGemm(name + " forward", {in, out, out, false}, shape);
    benchGemm(name + " data gradient", {out, in, out, true}, shape);
    shape.m = in;
    shape.transposedA = true;
    benchGemm(name + " weight gradient", {batch, out, out, false}, shape);
}

ConvShape conv(int64_t n, int64_t size, int64_t c, int64_t k, int64_t kernel, int64_t pad, int64_t stride)
{
    ConvShape s;
    s.n = n;
    s.h = s.w = size;
    s.c = c;
    s.k = k;
    s.kh = s.kw = kernel;
    s.padTop = s.padLeft = s.padBottom = s.padRight = pad;
    s.strideH = s.strideW = stride;
    return s;
}

/// Adam (Kingma and Ba 2015), as the engine computes it.
PointwiseProgram adamProgram()
{
    using Op = PointwiseOp;
    using In = PointwiseInput;
    constexpr uint8_t w = 0, g = 1, m = 2, v = 3, correction = 4, rate = 5, m2 = 6, v2 = 7, w2 = 8, t = 9;
    constexpr uint8_t imm = pointwiseImmediate;
    return {{In::Full, In::Full, In::Full, In::Full, In::Scalar, In::Scalar},
        {{Op::Mul, t, m, imm, 0, 0.9F}, {Op::MulAdd, m2, g, imm, t, 0.1F},
            {Op::MulMul, t, g, g, imm, 0.001F}, {Op::MulAdd, v2, v, imm, t, 0.999F},
            {Op::DivRoot, t, m2, v2, correction, 1e-8F}, {Op::NegMulAdd, w2, t, rate, w, 0}},
        {w2, m2, v2}};
}

void benchPointwise(const std::string& name, const PointwiseProgram& program, int64_t size)
{
    std::vector<Buffer> buffers;
    std::vector<const float*> inputs;
    std::vector<float*> outputs;
    for (size_t i = 0; i < program.inputs.size() + program.outputs.size(); ++i)
        buffers.push_back(randomFloats(size));
    for (size_t i = 0; i < buffers.size(); ++i) {
        for (float& value : buffers[i])
            value = value * value;
        if (i < program.inputs.size())
            inputs.push_back(buffers[i].data());
        else
            outputs.push_back(buffers[i].data());
    }
    const PointwiseArgs args{size, 1, inputs.data(), outputs.data()};
    reportBandwidth(name + " " + std::to_string(size),
        4.0 * static_cast<double>(buffers.size()) * static_cast<double>(size),
        [&] { pointwise(program, args, 0, pointwiseUnits(size)); });
}

void benchElementwise()
{
    using Op = PointwiseOp;
    using In = PointwiseInput;
    for (const int64_t size : {20'000, 93'000, 2'000'000}) {
        benchPointwise("copy", {{In::Full}, {{Op::Copy, 1, 0, 0, 0, 0}}, {1}}, size);
        benchPointwise(
            "relu gradient", {{In::Full, In::Full}, {{Op::MaskPositive, 2, 0, 1, 0, 0}}, {2}}, size);
        benchPointwise("Adam", adamProgram(), size);
        benchPointwise("tanh", {{In::Full}, {{Op::Tanh, 1, 0, 0, 0, 0}}, {1}}, size);
    }
    const int64_t size = 93'000;
    const auto x = randomFloats(size);
    auto y = x;
    reportBandwidth("dropout", 8.0 * size, [&] {
        dropout({{1, 2, 3}, 0.2F, size, x.data(), y.data()}, 0, randomUnits(size));
    });
    reportBandwidth("normal numbers", 4.0 * size, [&] {
        randomNormal({{1, 2, 3}, size, y.data()}, 0, 1, 0, randomUnits(size));
    });
}

/// With ReLU.
void benchBatchNorm(const std::string& name, const BatchNormShape& s)
{
    const auto x = randomFloats(s.rows * s.c);
    const auto parameters = randomFloats(s.c);
    auto y = x;
    auto mean = parameters;
    auto variance = parameters;
    auto partials = randomFloats(batchNormPartials(s));
    auto scratch = randomFloats(4 * s.c);
    const BatchNormChannels channels{mean.data(), variance.data(), parameters.data(), parameters.data()};
    const int64_t units = batchNormUnits(s);
    const double bytes = 4.0 * static_cast<double>(x.size());
    reportBandwidth(name + ", forward", 3 * bytes, [&] {
        batchNormStats(s, x.data(), partials.data(), 0, units);
        batchNormFinish(s, partials.data(), mean.data(), variance.data());
        batchNormApply(s, {x.data(), channels, true, y.data(), scratch.data()}, 0, units);
    });
    auto dgamma = parameters;
    auto dbeta = parameters;
    reportBandwidth(name + ", backward", 5 * bytes, [&] {
        const BatchNormGradArgs args{x.data(), x.data(), channels, true, partials.data(), dgamma.data(),
            dbeta.data(), y.data(), scratch.data()};
        batchNormGradSums(s, args, 0, units);
        batchNormGradFinish(s, args);
        batchNormGradApply(s, args, 0, units);
    });
}

void benchRows()
{
    const PoolShape pool{32, 26, 26, 32};
    const auto x = randomFloats(pool.n * pool.h * pool.w * pool.c);
    auto dx = x;
    auto y = randomFloats(pool.n * pool.oh() * pool.ow() * pool.c);
    std::vector<uint8_t> index(y.size());
    const double bytes = 4.0 * static_cast<double>(x.size() + y.size());
    reportBandwidth("max pooling 26x26x32 b32", bytes, [&] {
        maxPool(pool, {x.data(), y.data(), index.data()}, 0, maxPoolUnits(pool));
    });
    reportBandwidth("max pooling gradient, with ReLU", bytes, [&] {
        maxPoolGrad(pool, {y.data(), index.data(), y.data(), dx.data()}, 0, maxPoolGradUnits(pool));
    });
    const RowsShape rows{128, 10};
    std::vector<int32_t> labels(128, 3);
    std::vector<float> loss(128);
    reportBandwidth("softmax cross-entropy 128x10, both ways", 4.0 * 128 * 10 * 4, [&] {
        crossEntropy(rows, {x.data(), labels.data(), dx.data(), loss.data()}, 0, 128);
        crossEntropyGrad(rows, {dx.data(), labels.data(), nullptr, 1.0F, y.data()}, 0, 128);
    });
    benchBatchNorm("batch norm 32x32x64 b8", {8 * 32 * 32, 64});
    benchBatchNorm("batch norm 32x32x64 b64", {64 * 32 * 32, 64});
    benchBatchNorm("batch norm 6272 b64", {64, 6272});
    const int64_t channels = 64;
    const auto image = randomFloats(8 * 32 * 32 * channels);
    std::vector<float> mean(channels);
    const ReduceShape bias{1, 8 * 32 * 32, 64};
    auto reducePart = randomFloats(reducePartials(bias));
    reportBandwidth("sum over rows of 8192x64", 4.0 * static_cast<double>(image.size()), [&] {
        const ReduceArgs args{ReduceOp::Sum, image.data(), mean.data(), false, reducePart.data()};
        reduce(bias, args, 0, reduceSplit(bias).units);
        reduceCombine(bias, args);
    });
}

/// A recurrent layer over 100 steps as one thread has it.
void benchRecurrent(const std::string& name, const RecurrentShape& s)
{
    const auto state = [&] { return randomFloats(s.n * s.h); };
    const auto x = randomFloats(s.n * s.t * s.d);
    const auto w = randomFloats(s.d * s.columns());
    const auto u = randomFloats(s.h * s.columns());
    const auto bias = randomFloats(s.biasRows() * s.columns());
    auto y = randomFloats(s.n * s.t * s.h);
    auto lastH = state();
    auto lastC = state();
    auto reserve = randomFloats(s.t * s.n * s.reserveWidth());
    auto packed = randomFloats(recurrentPackedSize(s));
    auto packedBack = randomFloats(recurrentBackwardPackedSize(s));
    auto scratch = randomFloats(std::max(recurrentForwardScratch(s), recurrentBackwardScratch(s)));
    recurrentPack(s, {w.data(), u.data(), bias.data()}, packed.data(), 0, recurrentPackUnits(s));
    recurrentBackwardPack(
        s, {w.data(), u.data(), nullptr}, packedBack.data(), 0, recurrentBackwardPackUnits(s));
    const RecurrentInputs in{x.data()};
    const double steps = 2.0 * static_cast<double>(s.n * s.t * s.columns());
    report(name + " forward", steps * static_cast<double>(s.d + s.h), [&] {
        recurrentForward(s,
            {in, packed.data(), y.data(), lastH.data(), lastC.data(), reserve.data(), scratch.data()}, 0,
            s.parts);
    });
    auto dx = x;
    auto dh0 = state();
    auto dc0 = state();
    auto partials = randomFloats(recurrentPartials(s));
    RecurrentBackwardArgs args;
    args.in = in;
    args.packed = packedBack.data();
    args.y = y.data();
    args.reserve = reserve.data();
    args.dLastH = lastH.data();
    args.dx = dx.data();
    args.dh0 = dh0.data();
    args.dc0 = dc0.data();
    args.partials = partials.data();
    args.scratch = scratch.data();
    report(name + " backward", 2 * steps * static_cast<double>(s.d + s.h),
        [&] { recurrentBackward(s, args, 0, s.parts); });
}

/// Scaled dot-product attention as one thread has it.
void benchAttention(const std::string& name, const AttentionShape& s)
{
    const auto q = randomFloats(s.batch * s.queries * s.heads * s.size);
    const auto k = randomFloats(s.batch * s.keys * s.heads * s.size);
    const auto v = randomFloats(s.batch * s.keys * s.heads * s.valueSize);
    auto y = randomFloats(s.batch * s.queries * s.heads * s.valueSize);
    auto dq = q;
    auto dk = k;
    auto dv = v;
    auto logSum = randomFloats(s.batch * s.heads * s.queries);
    auto scratch = randomFloats(std::max(attentionScratch(s), attentionGradScratch(s)));
    const AttentionOperands in{q.data(), k.data(), v.data(), nullptr, {}, scratch.data()};
    const double product = 2.0 * static_cast<double>(s.batch * s.heads * s.queries * s.keys * s.size);
    report(name + " forward", 2 * product, [&] {
        attention(s, {in, y.data(), logSum.data()}, 0, attentionUnits(s));
    });
    report(name + " backward", 5 * product, [&] {
        attentionGrad(s, {in, y.data(), logSum.data(), y.data(), dq.data(), dk.data(), dv.data()}, 0,
            attentionUnits(s));
    });
}

/// Normalisation over the features of each row.
void benchLayerNorm(int64_t rows, int64_t features)
{
    const GroupNormShape s{rows, 1, features, 1};
    const auto x = randomFloats(rows * features);
    const auto gamma = randomFloats(features);
    auto y = x;
    auto mean = randomFloats(rows);
    auto rstd = mean;
    auto sums = randomFloats(2 * features);
    auto scratch = randomFloats(groupNormScratch(s));
    auto partials = randomFloats(groupNormPartials(s));
    const std::string name = "layer norm " + std::to_string(rows) + "x" + std::to_string(features);
    const double bytes = 4.0 * static_cast<double>(x.size());
    reportBandwidth(name + ", forward", 2 * bytes, [&] {
        groupNorm(s,
            {x.data(), gamma.data(), gamma.data(), 1e-5F, y.data(), mean.data(), rstd.data(), scratch.data()},
            0, groupNormUnits(s));
    });
    reportBandwidth(name + ", backward", 3 * bytes, [&] {
        const GroupNormGradArgs args{x.data(), gamma.data(), mean.data(), rstd.data(), x.data(), y.data(),
            sums.data(), sums.data() + features, partials.data(), scratch.data()};
        groupNormGrad(s, args, 0, groupNormUnits(s));
        groupNormGradFinish(s, args);
    });
}

void benchTarget()
{
    peak = measureFmaPeak();
    std::printf("%s, %d lanes, FMA peak of one core %.1f GFLOP/s\n", simdTarget().c_str(), simdLanes(), peak);
    benchElementwise();
    benchRows();
    benchConv("W1 28x28x1->32 b8", conv(8, 28, 1, 32, 3, 0, 1), false);
    for (const int64_t batch : {32, 128}) {
        const std::string b = " b" + std::to_string(batch);
        benchConv("W1 28x28x1->32" + b, conv(batch, 28, 1, 32, 3, 0, 1), false);
        benchConv("W1 13x13x32->64" + b, conv(batch, 13, 32, 64, 3, 0, 1));
        benchConv("W1 5x5x64->64" + b, conv(batch, 5, 64, 64, 3, 0, 1));
        benchDense(batch, 576, 64);
        benchDense(batch, 64, 10);
        benchDense(batch, 784, 128);
        benchDense(batch, 128, 10);
        benchDense(batch, 784, 400);
        benchDense(batch, 400, 784);
    }
    benchConv("W5 32x32x64->64 same b8", conv(8, 32, 64, 64, 3, 1, 1));
    benchConv("W5 16x16x128->128 same b8", conv(8, 16, 128, 128, 3, 1, 1));
    benchConv("W6 14x14x64->128 4x4 s2 b16", conv(16, 14, 64, 128, 4, 1, 2));
    benchConv("W6 28x28x1->64 4x4 s2 b16", conv(16, 28, 1, 64, 4, 1, 2));
    benchDepthwise("depthwise 28x28x128 same b8", conv(8, 28, 128, 128, 3, 1, 1));
    benchDepthwise("depthwise 56x56x64 same s2 b8", conv(8, 56, 64, 64, 3, 1, 2));
    for (const int64_t batch : {16, 64}) {
        const std::string b = " b" + std::to_string(batch);
        benchRecurrent("W2 LSTM 50 on 100x1" + b, {RecurrentCell::Lstm, batch, 100, 1, 50});
        benchRecurrent("W3 LSTM 64 on 100x128" + b, {RecurrentCell::Lstm, batch, 100, 128, 64});
        benchRecurrent("GRU 64 on 100x128" + b, {RecurrentCell::Gru, batch, 100, 128, 64});
    }
    benchAttention("W7 attention 100x100, 4 heads of 32, b8", {8, 4, 100, 100, 32, 32, false, 0.18F, 0});
    benchLayerNorm(3200, 128);
    benchDense(3200, 128, 128); // W7: 32 sequences of 100 tokens
    benchDense(3200, 128, 512);
    benchDense(3200, 512, 128);
    GemmShape square;
    square.m = 1024;
    benchGemm("gemm 1024", {1024, 1024, 1024, false}, square);
}

} // namespace

int main(int argc, char** argv)
{
    std::vector<std::string> targets(argv + 1, argv + argc);
    if (targets.empty())
        targets.push_back(simdTarget());
    for (const std::string& target : targets) {
        if (!forceSimdTarget(target)) {
            std::printf("%s: not on this machine\n", target.c_str());
            continue;
        }
        benchTarget();
    }
    return 0;
}
