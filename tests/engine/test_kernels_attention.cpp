#include "kernel_test_util.h"

#include <array>

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

/// The sums of the rows that occur are the bits of those in the whole table.
void checkGatherRows(
    const GatherShape& s, const Buffer& dy, const std::vector<int32_t>& tokens, const Buffer& gradient)
{
    const int64_t most = gatherRowsMost(s);
    Buffer values(most * s.width);
    std::vector<int32_t> rows(static_cast<size_t>(most), 77);
    std::vector<int32_t> scratch(static_cast<size_t>(gatherRowsScratch(s)), 77);
    const GatherRowsArgs args{s, dy.data(), tokens.data(), values.data(), rows.data(), scratch.data()};
    gatherRowsFind(args);
    inPieces(most, [&](int64_t b, int64_t e) { gatherRowsSum(args, b, e); });
    std::vector<int32_t> expected; // in the order in which they occur
    for (const int32_t token : tokens)
        if (token >= 0 && token < s.rows && token != s.padding &&
            std::find(expected.begin(), expected.end(), token) == expected.end())
            expected.push_back(token);
    const size_t found = expected.size();
    expected.resize(static_cast<size_t>(most), -1);
    EXPECT_EQ(rows, expected);
    for (int64_t i = 0; i < most; ++i)
        for (int64_t j = 0; j < s.width; ++j)
            EXPECT_EQ(values[i * s.width + j], i < static_cast<int64_t>(found)
                                                   ? gradient[rows[static_cast<size_t>(i)] * s.width + j]
                                                   : 0.0F);
}

/// The list and the places say which token is where.
void checkUnique(const GatherShape& s, const std::vector<int32_t>& tokens)
{
    const int64_t most = gatherRowsMost(s);
    std::vector<int32_t> rows(static_cast<size_t>(most), 77);
    std::vector<int32_t> places(tokens.size(), 77);
    std::vector<int32_t> scratch(static_cast<size_t>(s.rows), 77);
    unique({s, tokens.data(), rows.data(), places.data(), scratch.data()});
    const int64_t count = uniqueCount(rows.data(), most);
    int32_t known = 0; // new ones come in order
    for (size_t i = 0; i < tokens.size(); ++i) {
        if (!s.has(tokens[i])) {
            EXPECT_EQ(places[i], -1);
            continue;
        }
        ASSERT_LE(places[i], known);
        known = std::max(known, places[i] + 1);
        EXPECT_EQ(rows[static_cast<size_t>(places[i])], tokens[i]);
    }
    EXPECT_EQ(count, known);
    for (int64_t i = 0; i < most; ++i)
        EXPECT_EQ(rows[static_cast<size_t>(i)] < 0, i >= count);
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
    std::vector<int32_t> scratch(static_cast<size_t>(gatherGradientScratch(s)), 77);
    const GatherGradientArgs args{s, dy.data(), tokens.data(), gradient.data(), scratch.data()};
    gatherGradientFind(args);
    inPieces(gatherGradientUnits(s), [&](int64_t b, int64_t e) { gatherGradient(args, b, e); });

    checkUnique(s, tokens);
    checkGatherRows(s, dy, tokens, gradient);

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

/// Attention in double precision, by the formulas.
class PlainAttention
{
public:
    PlainAttention(const AttentionShape& shape, const AttentionOperands& in) : m_s(shape), m_in(in) {}

    double q(int64_t n, int64_t h, int64_t i, int64_t c) const
    {
        return at(m_in.q, m_s.queries, m_s.size, n, h, i, c);
    }
    double k(int64_t n, int64_t h, int64_t i, int64_t c) const
    {
        return at(m_in.k, m_s.keys, m_s.size, n, h, i, c);
    }
    double v(int64_t n, int64_t h, int64_t i, int64_t c) const
    {
        return at(m_in.v, m_s.keys, m_s.valueSize, n, h, i, c);
    }
    /// Element of a tensor [batch, rows, heads * size].
    double at(const float* p, int64_t rows, int64_t size, int64_t n, int64_t h, int64_t i, int64_t c) const
    {
        return p[index(rows, size, n, h, i, c)];
    }
    int64_t index(int64_t rows, int64_t size, int64_t n, int64_t h, int64_t i, int64_t c) const
    {
        return ((n * rows + i) * m_s.heads + h) * size + c;
    }

    /// Probabilities of the keys for one query; all zero where it has none.
    std::vector<double> probabilities(int64_t n, int64_t h, int64_t i) const
    {
        std::vector<double> result(static_cast<size_t>(m_s.keys));
        double sum = 0;
        for (int64_t j = 0; j < m_s.keys; ++j) {
            if ((m_s.causal && j > i) || (m_in.mask != nullptr && m_in.mask[n * m_s.keys + j] <= 0.5F))
                continue;
            double score = 0;
            for (int64_t c = 0; c < m_s.size; ++c)
                score += q(n, h, i, c) * k(n, h, j, c);
            sum += result[static_cast<size_t>(j)] = std::exp(score * double{m_s.scale});
        }
        for (double& p : result)
            p = sum > 0 ? p / sum : 0;
        return result;
    }

private:
    const AttentionShape& m_s;
    const AttentionOperands& m_in;
};

struct AttentionTensors
{
    Buffer q, k, v, mask, dy, y, logSum, dq, dk, dv, scratch;

    explicit AttentionTensors(const AttentionShape& s)
        : q(randomBuffer(s.batch * s.queries * s.heads * s.size, 1, -2, 2)),
          k(randomBuffer(s.batch * s.keys * s.heads * s.size, 2, -2, 2)),
          v(randomBuffer(s.batch * s.keys * s.heads * s.valueSize, 3)),
          mask(randomBuffer(s.batch * s.keys, 4, 0, 1)),
          dy(randomBuffer(s.batch * s.queries * s.heads * s.valueSize, 5)), y(dy.size()),
          logSum(s.batch * s.heads * s.queries), dq(q.size()), dk(k.size()), dv(v.size()),
          scratch(std::max(attentionScratch(s), attentionGradScratch(s)))
    {
    }

    AttentionOperands operands(bool masked)
    {
        return {
            q.data(), k.data(), v.data(), masked ? mask.data() : nullptr, RandomKey{7, 3, 1}, scratch.data()};
    }
    void run(const AttentionShape& s, bool masked)
    {
        const AttentionOperands in = operands(masked);
        inPieces(attentionUnits(s), [&](int64_t b, int64_t e) {
            attention(s, {in, y.data(), logSum.data()}, b, e);
        });
        inPieces(attentionUnits(s), [&](int64_t b, int64_t e) {
            attentionGrad(s, {in, y.data(), logSum.data(), dy.data(), dq.data(), dk.data(), dv.data()}, b, e);
        });
    }
};

struct AttentionSums
{
    std::vector<Sum> y, dq, dk, dv;
};

/// Results and gradients of one query.
void addQuery(const AttentionShape& s, const PlainAttention& plain, const AttentionTensors& t,
    AttentionSums& sums, std::array<int64_t, 3> which)
{
    const auto [n, h, i] = which;
    const auto at = [](std::vector<Sum>& list, int64_t index) -> Sum& {
        return list[static_cast<size_t>(index)];
    };
    const auto p = plain.probabilities(n, h, i);
    std::vector<double> dp(p.size());
    double mean = 0;
    for (int64_t j = 0; j < s.keys; ++j) {
        const double share = p[static_cast<size_t>(j)];
        for (int64_t c = 0; c < s.valueSize; ++c) {
            const double dy = plain.at(t.dy.data(), s.queries, s.valueSize, n, h, i, c);
            at(sums.y, plain.index(s.queries, s.valueSize, n, h, i, c)).add(share * plain.v(n, h, j, c));
            at(sums.dv, plain.index(s.keys, s.valueSize, n, h, j, c)).add(share * dy);
            dp[static_cast<size_t>(j)] += dy * plain.v(n, h, j, c);
        }
        mean += share * dp[static_cast<size_t>(j)];
    }
    for (int64_t j = 0; j < s.keys; ++j)
        for (int64_t c = 0; c < s.size; ++c) {
            const double ds =
                p[static_cast<size_t>(j)] * (dp[static_cast<size_t>(j)] - mean) * double{s.scale};
            at(sums.dq, plain.index(s.queries, s.size, n, h, i, c)).add(ds * plain.k(n, h, j, c));
            at(sums.dk, plain.index(s.keys, s.size, n, h, j, c)).add(ds * plain.q(n, h, i, c));
        }
}

/// Softmax and differences of gradients lose some digits, so the sums' magnitudes get a common floor.
void expectClose(const Buffer& actual, std::vector<Sum> expected, const std::string& what)
{
    for (Sum& sum : expected)
        sum.magnitude = 5 * sum.magnitude + 5;
    expectNear(actual, expected, what);
}

void checkAttention(const AttentionShape& s, float maskShare)
{
    AttentionTensors t(s);
    for (float& m : t.mask)
        m = m < maskShare ? 1.0F : 0.0F;
    t.run(s, maskShare < 1);
    const AttentionOperands in = t.operands(maskShare < 1);
    const PlainAttention plain(s, in);
    AttentionSums sums;
    sums.y.resize(static_cast<size_t>(t.y.size()));
    sums.dq.resize(static_cast<size_t>(t.dq.size()));
    sums.dk.resize(static_cast<size_t>(t.dk.size()));
    sums.dv.resize(static_cast<size_t>(t.dv.size()));
    for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t h = 0; h < s.heads; ++h)
            for (int64_t i = 0; i < s.queries; ++i)
                addQuery(s, plain, t, sums, {n, h, i});
    const std::string what =
        std::to_string(s.queries) + "×" + std::to_string(s.keys) + " mask " + std::to_string(maskShare);
    expectClose(t.y, sums.y, "y " + what);
    expectClose(t.dq, sums.dq, "dq " + what);
    expectClose(t.dk, sums.dk, "dk " + what);
    expectClose(t.dv, sums.dv, "dv " + what);
}

TEST_P(AttentionKernels, attention)
{
    for (const float maskShare : {1.0F, 0.6F, 0.1F, 0.0F}) {
        checkAttention({2, 3, 5, 7, 4, 3, false, 0.5F, 0}, maskShare);
        checkAttention({1, 2, 37, 37, 8, 8, true, 0.3F, 0}, maskShare);
        checkAttention({2, 1, 1, 1, 1, 1, true, 1.0F, 0}, maskShare);
    }
    checkAttention({1, 1, 300, 150, 16, 20, false, 0.25F, 0}, 0.7F);
    checkAttention({1, 2, 261, 261, 5, 33, true, 0.4F, 0}, 1.0F);
    checkAttention({3, 4, 64, 50, 32, 32, false, 0.18F, 0}, 0.5F);
}

/// Scores that are further apart than the exponents of numbers reach.
TEST_P(AttentionKernels, attentionFarScores)
{
    const AttentionShape s{1, 1, 40, 35, 8, 2, false, 20.0F, 0};
    AttentionTensors t(s);
    t.run(s, false);
    const AttentionOperands in = t.operands(false);
    const PlainAttention plain(s, in);
    int64_t zeros = 0;
    for (int64_t i = 0; i < s.queries; ++i) {
        const auto p = plain.probabilities(0, 0, i);
        zeros += std::count_if(p.begin(), p.end(), [](double share) { return share < 1e-38; });
        double expected = 0;
        for (int64_t j = 0; j < s.keys; ++j)
            expected += p[static_cast<size_t>(j)] * plain.v(0, 0, j, 0);
        EXPECT_NEAR(t.y[plain.index(s.queries, 2, 0, 0, i, 0)], expected, 1e-3);
    }
    EXPECT_GT(zeros, s.queries * s.keys / 2);
    for (const Buffer* gradient : {&t.dq, &t.dk, &t.dv})
        EXPECT_TRUE(std::all_of(
            gradient->begin(), gradient->end(), [](float value) { return std::isfinite(value); }));
}

/// A dropout that drops nothing changes nothing; with one, the mean over many queries stays.
TEST_P(AttentionKernels, attentionDropout)
{
    AttentionShape s{1, 2, 200, 200, 4, 6, false, 0.1F, 0};
    AttentionTensors whole(s);
    std::fill(whole.v.begin(), whole.v.end(), 1.0F);
    whole.run(s, false);
    s.rate = 0.25F;
    AttentionTensors dropped(s);
    std::fill(dropped.v.begin(), dropped.v.end(), 1.0F);
    dropped.run(s, false);
    double mean = 0;
    int64_t changed = 0;
    for (int64_t i = 0; i < dropped.y.size(); ++i) {
        mean += dropped.y[i] / static_cast<double>(dropped.y.size());
        changed += std::abs(dropped.y[i] - whole.y[i]) > 1e-3F ? 1 : 0;
    }
    EXPECT_NEAR(mean, 1, 0.01);
    EXPECT_GT(changed, dropped.y.size() / 2);
    AttentionTensors again(s);
    std::fill(again.v.begin(), again.v.end(), 1.0F);
    again.run(s, false);
    EXPECT_TRUE(std::equal(again.dk.begin(), again.dk.end(), dropped.dk.begin()));
}

/// Sums of one group of a sample in double precision.
struct PlainGroup
{
    double mean = 0, rstd = 0;
    double dyMean = 0, productMean = 0; ///< of gamma·dy, and of gamma·dy times the normalised x
};

class PlainNorm
{
public:
    PlainNorm(const GroupNormShape& s, const Buffer& x, const Buffer& gamma, const Buffer& dy)
        : m_s(s), m_x(x), m_gamma(gamma), m_dy(dy)
    {
    }

    template <class Body>
    void forGroup(int64_t n, int64_t g, const Body& body) const
    {
        const int64_t size = m_s.channels / m_s.groups;
        for (int64_t p = 0; p < m_s.spatial; ++p)
            for (int64_t c = g * size; c < (g + 1) * size; ++c)
                body((n * m_s.spatial + p) * m_s.channels + c, c);
    }

    PlainGroup group(int64_t n, int64_t g, double epsilon) const
    {
        PlainGroup r;
        const double count = static_cast<double>(m_s.spatial * m_s.channels / m_s.groups);
        double squares = 0;
        forGroup(n, g, [&](int64_t i, int64_t) { r.mean += m_x[i] / count; });
        forGroup(n, g, [&](int64_t i, int64_t) { squares += (m_x[i] - r.mean) * (m_x[i] - r.mean); });
        r.rstd = 1 / std::sqrt(squares / count + epsilon);
        forGroup(n, g, [&](int64_t i, int64_t c) {
            r.dyMean += double{m_gamma[c]} * m_dy[i] / count;
            r.productMean += double{m_gamma[c]} * m_dy[i] * (m_x[i] - r.mean) * r.rstd / count;
        });
        return r;
    }

private:
    const GroupNormShape& m_s;
    const Buffer &m_x, &m_gamma, &m_dy;
};

void checkGroupNorm(const GroupNormShape& s)
{
    const int64_t size = s.samples * s.spatial * s.channels;
    const Buffer x = randomBuffer(size, 1, -1, 3);
    const Buffer gamma = randomBuffer(s.channels, 2);
    const Buffer beta = randomBuffer(s.channels, 3);
    const Buffer dy = randomBuffer(size, 4);
    Buffer y(size), dx(size), mean(s.samples * s.groups), rstd(s.samples * s.groups), dgamma(s.channels),
        dbeta(s.channels);
    Buffer scratch(groupNormScratch(s)), partials(groupNormPartials(s));
    const float epsilon = 1e-3F;
    const GroupNormArgs args{
        x.data(), gamma.data(), beta.data(), epsilon, y.data(), mean.data(), rstd.data(), scratch.data()};
    inPieces(groupNormUnits(s), [&](int64_t b, int64_t e) { groupNorm(s, args, b, e); });
    const GroupNormGradArgs back{x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(), dx.data(),
        dgamma.data(), dbeta.data(), partials.data(), scratch.data()};
    inPieces(groupNormUnits(s), [&](int64_t b, int64_t e) { groupNormGrad(s, back, b, e); });
    groupNormGradFinish(s, back);

    std::vector<Sum> ySums(static_cast<size_t>(size)), dxSums(ySums.size());
    std::vector<Sum> dgammaSums(static_cast<size_t>(s.channels)), dbetaSums(dgammaSums.size());
    const PlainNorm plain(s, x, gamma, dy);
    for (int64_t n = 0; n < s.samples; ++n)
        for (int64_t g = 0; g < s.groups; ++g) {
            const PlainGroup group = plain.group(n, g, epsilon);
            plain.forGroup(n, g, [&](int64_t i, int64_t c) {
                const double normal = (x[i] - group.mean) * group.rstd;
                ySums[static_cast<size_t>(i)].add(normal * gamma[c] + beta[c]);
                dxSums[static_cast<size_t>(i)].add(
                    group.rstd * (double{gamma[c]} * dy[i] - group.dyMean - normal * group.productMean));
                dgammaSums[static_cast<size_t>(c)].add(dy[i] * normal);
                dbetaSums[static_cast<size_t>(c)].add(dy[i]);
            });
        }
    const std::string what = std::to_string(s.samples) + " " + std::to_string(s.spatial) + " " +
                             std::to_string(s.channels) + "/" + std::to_string(s.groups);
    expectClose(y, ySums, "y " + what);
    expectClose(dx, dxSums, "dx " + what);
    expectClose(dgamma, dgammaSums, "dgamma " + what);
    expectClose(dbeta, dbetaSums, "dbeta " + what);
}

TEST_P(AttentionKernels, groupNorm)
{
    for (const GroupNormShape& s : {GroupNormShape{1, 1, 1, 1}, {5, 1, 17, 1}, {300, 1, 64, 1},
             {2, 1, 3000, 1}, {3, 20, 1, 1}, {4, 9, 6, 3}, {2, 1100, 5, 5}, {70, 3, 12, 4}, {2, 7, 34, 1}})
        checkGroupNorm(s);
}

} // namespace
