#include "softmax.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/softmax.cpp"
#include <hwy/foreach_target.h>

#include "math-inl.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// Values that one float accumulator sums before it is added to a double.
constexpr int64_t sumBlock = 2048;

float maxOfRow(const float* x, int64_t n)
{
    constexpr float lowest = -std::numeric_limits<float>::infinity();
    Floats best = broadcast(lowest);
    int64_t i = 0;
    for (; i + lanes() <= n; i += lanes())
        best = hn::Max(best, load(x + i));
    if (i < n) {
        const auto used = hn::FirstN(FloatTag(), static_cast<size_t>(n - i));
        best = hn::Max(best, hn::IfThenElse(used, loadPart(x + i, n - i), broadcast(lowest)));
    }
    return maxLanes(best);
}

/// Sum over i of term(i, load), where load reads a vector at a pointer; unused lanes of the last vector do
/// not count.
template <class Term>
HWY_INLINE double sumOver(int64_t n, const Term& term)
{
    double total = 0;
    for (int64_t start = 0; start < n; start += sumBlock) {
        const int64_t count = n - start < sumBlock ? n - start : sumBlock;
        Floats sum = zero();
        forVectors(count, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const Floats value = term(start + i, loadIt, storeIt);
            const int64_t used = count - i;
            sum = hn::Add(
                sum, used >= lanes()
                         ? value
                         : hn::IfThenElseZero(hn::FirstN(FloatTag(), static_cast<size_t>(used)), value));
        });
        total += sumLanes(sum);
    }
    return total;
}

/// y = exp(x - shift); returns the sum.
double expRow(const float* x, float shift, float* y, int64_t n)
{
    const Floats minus = broadcast(-shift);
    return sumOver(n, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats e = expOf(hn::Add(loadIt(x + i), minus));
        storeIt(e, y + i);
        return e;
    });
}

void scaleRow(float* y, float scale, int64_t n)
{
    const Floats factor = broadcast(scale);
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt)
                      HWY_ATTR { storeIt(hn::Mul(loadIt(y + i), factor), y + i); });
}

void softmaxRows(const RowsShape& s, const float* x, float* y, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r) {
        float* row = y + r * s.cols;
        const float* from = x + r * s.cols;
        const double sum = expRow(from, maxOfRow(from, s.cols), row, s.cols);
        scaleRow(row, static_cast<float>(1.0 / sum), s.cols);
    }
}

void logSoftmaxRows(const RowsShape& s, const float* x, float* y, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r) {
        const float* from = x + r * s.cols;
        float* row = y + r * s.cols;
        const float shift = maxOfRow(from, s.cols);
        const Floats minus = broadcast(-shift);
        const double sum = sumOver(s.cols,
            [&](int64_t i, auto loadIt, auto) HWY_ATTR { return expOf(hn::Add(loadIt(from + i), minus)); });
        const Floats logSum = broadcast(static_cast<float>(std::log(sum)));
        forVectors(s.cols, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(hn::Sub(hn::Add(loadIt(from + i), minus), logSum), row + i);
        });
    }
}

void softmaxGradRows(
    const RowsShape& s, const float* y, const float* dy, float* dx, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r) {
        const float* out = y + r * s.cols;
        const float* grad = dy + r * s.cols;
        float* to = dx + r * s.cols;
        const double dot = sumOver(s.cols, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            return hn::Mul(loadIt(out + i), loadIt(grad + i));
        });
        const Floats minus = broadcast(static_cast<float>(-dot));
        forVectors(s.cols, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(hn::Mul(loadIt(out + i), hn::Add(loadIt(grad + i), minus)), to + i);
        });
    }
}

void crossEntropyRows(const RowsShape& s, const CrossEntropyArgs& args, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r) {
        const float* logits = args.logits + r * s.cols;
        float* probabilities = args.probabilities + r * s.cols;
        const int32_t label = args.labels[r];
        const bool counts = label >= 0 && label < s.cols;
        const float shift = maxOfRow(logits, s.cols);
        // Read before the probabilities may overwrite it.
        const double labelled = counts ? static_cast<double>(logits[label]) - shift : 0.0;
        const double sum = expRow(logits, shift, probabilities, s.cols);
        scaleRow(probabilities, static_cast<float>(1.0 / sum), s.cols);
        args.loss[r] = counts ? static_cast<float>(std::log(sum) - labelled) : 0.0F;
    }
}

void crossEntropyGradRows(const RowsShape& s, const CrossEntropyGradArgs& args, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r) {
        const float* probabilities = args.probabilities + r * s.cols;
        float* to = args.dlogits + r * s.cols;
        const int32_t label = args.labels[r];
        if (label < 0 || label >= s.cols) {
            forVectors(s.cols, [&](int64_t i, auto, auto storeIt) HWY_ATTR { storeIt(zero(), to + i); });
            continue;
        }
        const float scale = args.scale * (args.rowScale != nullptr ? args.rowScale[r] : 1.0F);
        const Floats factor = broadcast(scale);
        const float labelled = (probabilities[label] - 1.0F) * scale;
        forVectors(s.cols, [&](int64_t i, auto loadIt, auto storeIt)
                               HWY_ATTR { storeIt(hn::Mul(loadIt(probabilities + i), factor), to + i); });
        to[label] = labelled;
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(softmaxRows);
HWY_EXPORT(logSoftmaxRows);
HWY_EXPORT(softmaxGradRows);
HWY_EXPORT(crossEntropyRows);
HWY_EXPORT(crossEntropyGradRows);

void softmax(const RowsShape& shape, const float* x, float* y, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(softmaxRows)(shape, x, y, begin, end);
}

void logSoftmax(const RowsShape& shape, const float* x, float* y, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(logSoftmaxRows)(shape, x, y, begin, end);
}

void softmaxGrad(
    const RowsShape& shape, const float* y, const float* dy, float* dx, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(softmaxGradRows)(shape, y, dy, dx, begin, end);
}

void crossEntropy(const RowsShape& shape, const CrossEntropyArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(crossEntropyRows)(shape, args, begin, end);
}

void crossEntropyGrad(const RowsShape& shape, const CrossEntropyGradArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(crossEntropyGradRows)(shape, args, begin, end);
}

namespace {

int64_t argmax(const float* row, int64_t cols)
{
    int64_t best = 0;
    for (int64_t i = 1; i < cols; ++i)
        if (row[i] > row[best])
            best = i;
    return best;
}

} // namespace

void argmaxRows(const RowsShape& shape, const float* x, int32_t* index, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; ++r)
        index[r] = static_cast<int32_t>(argmax(x + r * shape.cols, shape.cols));
}

int64_t countCorrect(
    const RowsShape& shape, const float* x, const int32_t* labels, int64_t begin, int64_t end)
{
    int64_t correct = 0;
    for (int64_t r = begin; r < end; ++r)
        correct += argmax(x + r * shape.cols, shape.cols) == labels[r] ? 1 : 0;
    return correct;
}

} // namespace gradloom::cpu
#endif
