#include "engine/base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace gradloom::tests {
namespace {

TEST(ThreadPool, CallsEveryUnitOnce)
{
    for (int threads : {1, 2, 3, 8}) {
        ThreadPool pool(threads);
        EXPECT_EQ(pool.threads(), threads);
        for (int64_t units : {0, 1, 2, 7, 64, 1000}) {
            std::vector<std::atomic<int>> calls(static_cast<size_t>(units));
            pool.run(units, [&](int64_t begin, int64_t end, int thread) {
                ASSERT_LT(thread, threads);
                for (int64_t i = begin; i < end; ++i)
                    ++calls[static_cast<size_t>(i)];
            });
            for (auto& c : calls)
                ASSERT_EQ(c, 1);
        }
    }
}

TEST(ThreadPool, ManyRunsSeeEachOthersResults)
{
    // Each run reads what the run before wrote, possibly on another thread.
    ThreadPool pool(4);
    std::vector<int64_t> values(257, 0);
    for (int round = 1; round <= 2000; ++round)
        pool.run(static_cast<int64_t>(values.size()), [&](int64_t begin, int64_t end, int) {
            for (int64_t i = begin; i < end; ++i)
                ++values[static_cast<size_t>(i)];
        });
    for (int64_t v : values)
        ASSERT_EQ(v, 2000);
}

TEST(ThreadPool, RunsTheStartFunctionOnEveryNewThread)
{
    std::atomic<int> started{0};
    {
        ThreadPool pool(3, [&] { ++started; });
    }
    EXPECT_EQ(started, 2);
}

} // namespace
} // namespace gradloom::tests
