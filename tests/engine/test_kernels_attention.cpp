#include "engine/backend/cpu/kernels/gather.h"
#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class AttentionKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(AttentionKernels);

std::vector<int32_t> randomTokens(int64_t count, int64_t from, int64_t to)
{
    std::mt19937 generator(5);
    std::uniform_int_distribution<int32_t> token(static_cast<int32_t>(from), static_cast<int32_t>(to));
    std::vector<int32_t> tokens(static_cast<size_t>(count));
    for (int32_t& t : tokens)
        t = token(generator);
    return tokens;
}

/// Tokens outside the table and the padding are rows of zeros without gradient.
void checkGather(const GatherShape& s)
{
    auto tokens = randomTokens(s.count, -2, s.rows + 1);
    tokens.back() = std::numeric_limits<int32_t>::min();
    tokens.front() = std::numeric_limits<int32_t>::max();
    const Buffer table = randomBuffer(s.rows * s.width, 1);
    const Buffer dy = randomBuffer(s.count * s.width, 2);
    Buffer rows(s.count * s.width);
    Buffer mask(s.count);
    inPieces(s.count, [&](int64_t b, int64_t e) {
        gather({s, table.data(), tokens.data(), rows.data(), mask.data()}, b, e);
    });
    Buffer gradient(s.rows * s.width);
    std::fill(gradient.begin(), gradient.end(), 0.0F);
    inPieces(gatherGradientUnits(s), [&](int64_t b, int64_t e) {
        gatherGradient({s, dy.data(), tokens.data(), gradient.data()}, b, e);
    });

    std::vector<Sum> sums(static_cast<size_t>(gradient.size()));
    for (int64_t i = 0; i < s.count; ++i) {
        const int64_t token = tokens[static_cast<size_t>(i)];
        const bool inside = token >= 0 && token < s.rows && token != s.padding;
        EXPECT_EQ(mask[i], token == s.padding ? 0 : 1);
        for (int64_t j = 0; j < s.width; ++j) {
            EXPECT_EQ(rows[i * s.width + j], inside ? table[token * s.width + j] : 0);
            if (inside)
                sums[static_cast<size_t>(token * s.width + j)].add(dy[i * s.width + j]);
        }
    }
    expectNear(gradient, sums, "gradient of " + std::to_string(s.rows) + " × " + std::to_string(s.width));
}

TEST_P(AttentionKernels, gather)
{
    for (const GatherShape& s :
        {GatherShape{1, 1, 1, -1}, {40, 7, 3, 0}, {33, 5, 17, -1}, {100, 9, 64, 8}, {20, 3, 130, 1}})
        checkGather(s);
}

} // namespace
