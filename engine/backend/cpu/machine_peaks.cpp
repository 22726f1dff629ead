#include "engine/backend/cpu/machine_peaks.h"

#include "engine/backend/cpu/kernels/simd.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace gradloom::cpu {

namespace {

double copyRate()
{
    constexpr size_t bytes = size_t{64} << 20;
    constexpr int rounds = 6;
    const std::vector<char> from(bytes, 1);
    std::vector<char> to(bytes, 2);
    double best = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        std::memcpy(to.data(), from.data(), bytes);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        best = std::max(best, 2.0 * static_cast<double>(bytes) / seconds.count() * 1e-9);
    }
    return best;
}

/// Sum over the threads of what each reaches while all of them work.
double onAll(int threads, double (*measure)())
{
    std::vector<double> rates(static_cast<size_t>(threads));
    {
        std::vector<std::jthread> workers;
        for (double& rate : rates)
            workers.emplace_back([&rate, measure] { rate = measure(); });
    }
    double sum = 0;
    for (const double rate : rates)
        sum += rate;
    return sum;
}

} // namespace

MachinePeaks measurePeaks(int threads)
{
    return {onAll(threads, measureFmaPeak), onAll(threads, copyRate)};
}

} // namespace gradloom::cpu
