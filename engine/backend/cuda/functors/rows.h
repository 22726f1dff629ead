#pragma once

#include "engine/backend/cuda/functors/portable.h"

/// Operations on rows of scores: a team takes a row.
namespace gradloom::cuda {

/// Largest value of a row.
template <class Team>
GRADLOOM_DEVICE float rowMax(Team& team, const float* x, int64_t n)
{
    float best = -INFINITY;
    for (int64_t i = team.rank(); i < n; i += team.size())
        best = fmaxf(best, x[i]);
    return team.max(best);
}

/// Σ exp(x − shift) of a row.
template <class Team>
GRADLOOM_DEVICE float rowExpSum(Team& team, const float* x, float shift, int64_t n)
{
    float sum = 0;
    for (int64_t i = team.rank(); i < n; i += team.size())
        sum += expf(x[i] - shift);
    return team.sum(sum);
}

/// y = exp(x − max) / Σ, or its logarithm. y may be x.
struct Softmax
{
    const float* x = nullptr;
    float* y = nullptr;
    int64_t columns = 0;
    bool logarithm = false;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const float* from = x + row * columns;
        float* to = y + row * columns;
        const float shift = rowMax(team, from, columns);
        const float sum = rowExpSum(team, from, shift, columns);
        const float factor = 1.0F / sum;
        const float logSum = logf(sum);
        for (int64_t i = team.rank(); i < columns; i += team.size())
            to[i] = logarithm ? from[i] - shift - logSum : expf(from[i] - shift) * factor;
    }
};

/// dx = y·(dy − Σ y·dy). dx may be dy.
struct SoftmaxGradient
{
    const float* y = nullptr;
    const float* dy = nullptr;
    float* dx = nullptr;
    int64_t columns = 0;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const float* out = y + row * columns;
        const float* gradient = dy + row * columns;
        float dot = 0;
        for (int64_t i = team.rank(); i < columns; i += team.size())
            dot += out[i] * gradient[i];
        dot = team.sum(dot);
        for (int64_t i = team.rank(); i < columns; i += team.size())
            dx[row * columns + i] = out[i] * (gradient[i] - dot);
    }
};

/// Loss −ln softmax(x)[label] and the probabilities; a label outside the columns gives zero.
struct CrossEntropy
{
    const float* x = nullptr;
    const int32_t* labels = nullptr;
    float* probabilities = nullptr;
    float* loss = nullptr;
    int64_t columns = 0;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const float* from = x + row * columns;
        const int32_t label = labels[row];
        const bool counts = label >= 0 && label < columns;
        const float shift = rowMax(team, from, columns);
        // Read before the probabilities may overwrite it.
        const float labelled = counts ? from[label] - shift : 0.0F;
        const float sum = rowExpSum(team, from, shift, columns);
        const float factor = 1.0F / sum;
        team.sync();
        for (int64_t i = team.rank(); i < columns; i += team.size())
            probabilities[row * columns + i] = expf(from[i] - shift) * factor;
        if (team.rank() == 0)
            loss[row] = counts ? logf(sum) - labelled : 0.0F;
    }
};

/// (p − onehot(label))·g; by elements. dx may be the probabilities.
struct CrossEntropyGradient
{
    const float* probabilities = nullptr;
    const int32_t* labels = nullptr;
    const float* rowGradient = nullptr;
    float* dx = nullptr;
    int64_t columns = 0;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Division d = divide(i, columns);
        const int32_t label = labels[d.quotient];
        const bool counts = label >= 0 && label < columns;
        const float p = probabilities[i] - (d.rest == label ? 1.0F : 0.0F);
        dx[i] = counts ? p * rowGradient[d.quotient] : 0.0F;
    }
};

/// Column of the first maximum of each row; by rows. NaN never wins.
struct Argmax
{
    const float* x = nullptr;
    int32_t* index = nullptr;
    int64_t columns = 0;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const float* from = x + row * columns;
        const float best = rowMax(team, from, columns);
        // The first column that holds it: the maximum of the negated positions.
        float first = -static_cast<float>(columns);
        for (int64_t i = team.rank(); i < columns; i += team.size())
            if (from[i] == best) {
                first = -static_cast<float>(i);
                break;
            }
        first = team.max(first);
        if (team.rank() == 0)
            index[row] = first == -static_cast<float>(columns) ? 0 : static_cast<int32_t>(-first);
    }
};

/// 1 where fewer than k columns come before the label's: larger ones, and equal ones to the left.
struct TopK
{
    const float* scores = nullptr;
    const int32_t* labels = nullptr;
    float* correct = nullptr;
    int64_t columns = 0;
    int64_t k = 1;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const float* from = scores + row * columns;
        const int32_t label = labels[row];
        const bool counts = label >= 0 && label < columns;
        float before = 0;
        if (counts)
            for (int64_t i = team.rank(); i < columns; i += team.size())
                before += from[i] > from[label] || (from[i] == from[label] && i < label) ? 1.0F : 0.0F;
        before = team.sum(before);
        if (team.rank() == 0)
            correct[row] = counts && before < static_cast<float>(k) ? 1.0F : 0.0F;
    }
};

/// Integer labels as rows with a one; by elements.
struct OneHot
{
    const int32_t* labels = nullptr;
    float* y = nullptr;
    int64_t classes = 0;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Division d = divide(i, classes);
        y[i] = labels[d.quotient] == d.rest ? 1.0F : 0.0F;
    }
};

/// Rows of a table by index; by elements of the result. `mask` is 0 where the index is the padding.
struct Gather
{
    const float* table = nullptr;
    const int32_t* indices = nullptr;
    float* y = nullptr;
    float* mask = nullptr;
    int64_t rows = 0;
    int64_t width = 1;
    int64_t padding = -1;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Division d = divide(i, width);
        const int64_t index = indices[d.quotient];
        const bool inTable = index >= 0 && index < rows && index != padding;
        y[i] = inTable ? table[index * width + d.rest] : 0.0F;
        if (d.rest == 0)
            mask[d.quotient] = index == padding ? 0.0F : 1.0F;
    }
};

/// Sums the rows of dy with the same index into the table, which was zeroed: the team of the first row with
/// an index adds all others in their order, so that the sums have the same bits every time. Teams of at most
/// 32 threads; by rows of dy.
struct GatherGradient
{
    const float* dy = nullptr;
    const int32_t* indices = nullptr;
    float* table = nullptr;
    int64_t count = 0;
    int64_t rows = 0;
    int64_t width = 1;
    int64_t padding = -1;

    /// Whether an earlier row has the same index.
    template <class Team>
    GRADLOOM_DEVICE bool isRepeated(Team& team, int64_t row, int32_t index) const
    {
        for (int64_t base = 0; base < row; base += team.size()) {
            const int64_t i = base + team.rank();
            if (team.ballot(i < row && indices[i] == index) != 0)
                return true;
        }
        return false;
    }

    /// Whether the row is the first one of its row of the table.
    template <class Team>
    GRADLOOM_DEVICE bool isFirst(Team& team, int64_t row) const
    {
        const int32_t index = indices[row];
        return index >= 0 && index < rows && index != padding && !isRepeated(team, row, index);
    }

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        if (isFirst(team, row))
            addFrom(team, row, table + indices[row] * width);
    }

    /// Adds all rows with the index of `row`, which is the first of them.
    template <class Team>
    GRADLOOM_DEVICE void addFrom(Team& team, int64_t row, float* sum) const
    {
        const int32_t index = indices[row];
        for (int64_t base = row; base < count; base += team.size()) {
            const int64_t i = base + team.rank();
            uint32_t hits = team.ballot(i < count && indices[i] == index);
            for (int64_t at = base; hits != 0; ++at, hits >>= 1)
                if ((hits & 1U) != 0)
                    for (int64_t c = team.rank(); c < width; c += team.size())
                        sum[c] += dy[at * width + c];
        }
    }
};

/// Marks the rows of dy that are the first with their index, and clears the list of rows of the table. Teams
/// of at most 32 threads; by rows of dy.
struct GatherFirsts
{
    GatherGradient sums;
    int32_t* isFirst = nullptr;
    int32_t* rows = nullptr;
    int64_t most = 0; ///< rows of the list

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        const bool first = sums.isFirst(team, row);
        if (team.rank() != 0)
            return;
        isFirst[row] = first ? 1 : 0;
        if (row < most)
            rows[row] = -1;
    }
};

/// Where indices are in the list of the different ones, and that list; `isFirst` and -1 in the list are GatherFirsts'.
/// Teams of at most 32 threads; by indices.
struct UniquePlaces
{
    GatherGradient sums; ///< indices and what counts
    const int32_t* isFirst = nullptr;
    int32_t* rows = nullptr;
    int32_t* places = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t at) const
    {
        const int64_t first = firstWith(team, at);
        float before = 0; // exact: whole numbers below 2^24
        for (int64_t i = team.rank(); i < first; i += team.size())
            before += static_cast<float>(isFirst[i]);
        const auto position = static_cast<int32_t>(team.sum(before));
        if (team.rank() != 0)
            return;
        places[at] = first < 0 ? -1 : position;
        if (first == at)
            rows[position] = sums.indices[at];
    }

    /// The first index that is the same; -1 where it does not count.
    template <class Team>
    GRADLOOM_DEVICE int64_t firstWith(Team& team, int64_t at) const
    {
        const int32_t index = sums.indices[at];
        if (index < 0 || index >= sums.rows || index == sums.padding)
            return -1;
        for (int64_t base = 0; base < at; base += team.size()) {
            const int64_t i = base + team.rank();
            const uint32_t hits = team.ballot(i < at && sums.indices[i] == index);
            for (int64_t k = 0; k < team.size(); ++k)
                if ((hits >> k & 1) != 0)
                    return base + k;
        }
        return at;
    }
};

/// The sums of GatherGradient without the rows that nothing adds to, in the order in which they occur;
/// `sums.table` takes them and was zeroed. Teams of at most 32 threads; by rows of dy.
struct GatherRowsGradient
{
    GatherGradient sums;
    const int32_t* isFirst = nullptr;
    int32_t* rows = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t row) const
    {
        if (isFirst[row] == 0)
            return;
        float before = 0; // exact: whole numbers below 2^24
        for (int64_t i = team.rank(); i < row; i += team.size())
            before += static_cast<float>(isFirst[i]);
        const auto position = static_cast<int64_t>(team.sum(before));
        if (team.rank() == 0)
            rows[position] = sums.indices[row];
        sums.addFrom(team, row, sums.table + position * sums.width);
    }
};

} // namespace gradloom::cuda
