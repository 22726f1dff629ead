#pragma once

#include <cstdint>

namespace gradloom::cpu {

// All kernels here work on [rows, cols]; units are rows.

struct RowsShape
{
    std::int64_t rows = 0, cols = 0;
};

/// y = exp(x - max) / sum. y may be x.
void softmax(const RowsShape& shape, const float* x, float* y, std::int64_t begin, std::int64_t end);
/// y = x - max - log(sum exp(x - max)). y may be x.
void logSoftmax(const RowsShape& shape, const float* x, float* y, std::int64_t begin, std::int64_t end);
/// dx = y * (dy - sum(y * dy)), y the softmax. dx may be dy.
void softmaxGrad(
    const RowsShape& shape, const float* y, const float* dy, float* dx, std::int64_t begin, std::int64_t end);

/// Cross-entropy of softmax on integer labels. A label outside [0, cols) marks a row that does not count:
/// its loss and gradient are 0.
struct CrossEntropyArgs
{
    const float* logits = nullptr;        ///< [rows, cols]
    const std::int32_t* labels = nullptr; ///< [rows]
    float* probabilities = nullptr;       ///< [rows, cols]; may be logits
    float* loss = nullptr;                ///< [rows]: -log p(label)
};
void crossEntropy(const RowsShape& shape, const CrossEntropyArgs& args, std::int64_t begin, std::int64_t end);

struct CrossEntropyGradArgs
{
    const float* probabilities = nullptr; ///< [rows, cols] from crossEntropy
    const std::int32_t* labels = nullptr; ///< [rows]
    const float* rowScale = nullptr;      ///< [rows] gradient of each row's loss, or null for 1
    float scale = 1.0F;                   ///< for all rows, such as 1 / rows for the mean
    float* dlogits = nullptr;             ///< [rows, cols]: scale * (p - onehot); may be probabilities
};
void crossEntropyGrad(
    const RowsShape& shape, const CrossEntropyGradArgs& args, std::int64_t begin, std::int64_t end);

/// index[r] = column of the first maximum of row r.
void argmaxRows(
    const RowsShape& shape, const float* x, std::int32_t* index, std::int64_t begin, std::int64_t end);
/// Number of rows in [begin, end) whose first maximum is the label.
std::int64_t countCorrect(
    const RowsShape& shape, const float* x, const std::int32_t* labels, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
