// Speed of the CPU kernels on one core: GFLOP/s and the share of the core's measured FMA peak. Without
// arguments it measures the best instruction set; with names (AVX2 SSE4) those. Times are the best of several
// rounds, so that other work on the machine disturbs little.

#include "engine/backend/cpu/kernels/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace gradloom::cpu;

namespace {

std::vector<float> randomFloats(int64_t size)
{
    static std::mt19937 generator(1);
    std::uniform_real_distribution<float> values(-1.0F, 1.0F);
    std::vector<float> data(static_cast<size_t>(size) + 16);
    for (float& v : data)
        v = values(generator);
    return data;
}

/// Seconds of the fastest run; each round lasts about 20 ms.
double bestSeconds(const std::function<void()>& run)
{
    using Clock = std::chrono::steady_clock;
    const auto time = [&](int repeats) {
        const auto start = Clock::now();
        for (int i = 0; i < repeats; ++i)
            run();
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    run();
    const int repeats = static_cast<int>(std::clamp(0.02 / std::max(time(1), 1e-9), 1.0, 1e6));
    double best = 1e30;
    for (int round = 0; round < 9; ++round)
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

void benchConv(const std::string& name, const ConvShape& s, bool dataGradient = true)
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
    report(name + " weight gradient", flops, [&] {
        convBackwardWeights(s, split,
            {x.data(), y.data(), dw.data(), db.data(), false, nullptr, scratch.data()}, 0, split.units());
    });
    reportBandwidth(
        name + " packing, both", 8.0 * static_cast<double>(packed.size() + packedData.size()), [&] {
            convPack(s, w.data(), packed.data(), 0, convPackUnits(s));
            convDataPack(s, w.data(), packedData.data(), 0, convDataPackUnits(s));
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
    report(name, 2.0 * static_cast<double>(s.m * s.n * s.k), [&] {
        gemm(s, {a.data(), packed.data(), {}, c.data()}, 0, gemmUnits(s));
    });
    report(name + ", packing too", 2.0 * static_cast<double>(s.m * s.n * s.k), [&] {
        gemmPack(operand, b.data(), packed.data(), 0, gemmPackUnits(s.k, s.n));
        gemm(s, {a.data(), packed.data(), {}, c.data()}, 0, gemmUnits(s));
    });
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

void benchTarget()
{
    peak = measureFmaPeak();
    std::printf("%s, %d lanes, FMA peak of one core %.1f GFLOP/s\n", simdTarget().c_str(), simdLanes(), peak);
    for (const int64_t batch : {32, 128}) {
        const std::string b = " b" + std::to_string(batch);
        benchConv("W1 28x28x1->32" + b, conv(batch, 28, 1, 32, 3, 0, 1), false);
        benchConv("W1 13x13x32->64" + b, conv(batch, 13, 32, 64, 3, 0, 1));
        benchConv("W1 5x5x64->64" + b, conv(batch, 5, 64, 64, 3, 0, 1));
        benchDense(batch, 576, 64);
        benchDense(batch, 64, 10);
        benchDense(batch, 784, 128);
        benchDense(batch, 128, 10);
    }
    benchConv("W5 32x32x64->64 same b8", conv(8, 32, 64, 64, 3, 1, 1));
    benchConv("W5 16x16x128->128 same b8", conv(8, 16, 128, 128, 3, 1, 1));
    benchConv("W6 14x14x64->128 4x4 s2 b16", conv(16, 14, 64, 128, 4, 1, 2));
    benchConv("W6 28x28x1->64 4x4 s2 b16", conv(16, 28, 1, 64, 4, 1, 2));
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
