#include "engine/base/latest.h"
#include "engine/base/spsc_ring.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

using namespace gradloom;

TEST(SpscRing, KeepsOrderAndCountsWhatItLoses)
{
    SpscRing<int> ring(4);
    for (int i = 0; i < 7; ++i)
        EXPECT_EQ(ring.push(i), i < 4);
    EXPECT_EQ(ring.takeLost(), 3);
    EXPECT_EQ(ring.takeLost(), 0);
    int value = -1;
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(ring.pop(value));
        EXPECT_EQ(value, i);
    }
    EXPECT_FALSE(ring.pop(value));
    EXPECT_TRUE(ring.push(9));
    EXPECT_TRUE(ring.pop(value));
    EXPECT_EQ(value, 9);
}

TEST(SpscRing, TwoThreadsLoseNothingUncounted)
{
    constexpr int64_t total = 200000;
    SpscRing<int64_t> ring(64);
    std::jthread producer([&] {
        for (int64_t i = 1; i <= total; ++i)
            ring.push(i);
        while (!ring.push(-1)) // the end must arrive
            std::this_thread::yield();
    });
    int64_t received = 0;
    int64_t last = 0;
    for (;;) {
        int64_t value = 0;
        if (!ring.pop(value))
            continue;
        if (value < 0)
            break;
        EXPECT_GT(value, last);
        last = value;
        ++received;
    }
    producer.join();
    EXPECT_GE(received + ring.takeLost(), total); // failed pushes of the end count too
}

TEST(Latest, TheNewestWins)
{
    Latest<int> latest;
    EXPECT_EQ(latest.take(), nullptr);
    latest.publish(std::make_unique<int>(1));
    latest.publish(std::make_unique<int>(2));
    const auto value = latest.take();
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, 2);
    EXPECT_EQ(latest.take(), nullptr);
    latest.publish(std::make_unique<int>(3)); // freed by the destructor
}

TEST(Latest, TwoThreads)
{
    Latest<std::vector<int>> latest;
    std::atomic<bool> done{false};
    std::jthread producer([&] {
        for (int i = 0; i < 20000; ++i)
            latest.publish(std::make_unique<std::vector<int>>(8, i));
        done = true;
    });
    int last = -1;
    while (!done)
        if (const auto value = latest.take()) {
            EXPECT_EQ(value->front(), value->back());
            EXPECT_GT(value->front(), last);
            last = value->front();
        }
}
