#pragma once

#include <cstdint>

namespace gradloom::cpu {

// Recurrent layers over whole sequences: h(t) = cell(x(t), h(t-1)).
//
// A thread takes a share of the batch through all steps, so there is no barrier between steps. Input and
// state of a step lie side by side, [x(t), h(t-1)], and one product with the weights one above the other, [w;
// u], gives the sums of all gates while the pointwise part waits with its operands in the first-level cache.
//
// Gates, as columns of the weights (h each): Lstm: input, forget, cell, output. Gru: reset, update, new; its
// new gate is tanh(x·w + b0 + reset∘(h·u + b1)), as in cuDNN, PyTorch and Keras (reset_after); b1 is the
// second row of the bias.
//
// Where x comes multiplied with w already ("projected"), a step's sums start with it, and only the state is
// multiplied.
//
// A mask says which steps are real (above 0.5). The others carry the state on: their output repeats the last
// one.

enum class RecurrentCell { Tanh, Relu, Lstm, Gru };

struct RecurrentShape
{
    RecurrentCell cell = RecurrentCell::Tanh;
    std::int64_t n = 0;     ///< sequences
    std::int64_t t = 0;     ///< steps of each
    std::int64_t d = 0;     ///< features of a step that are multiplied with w; projected: 0
    std::int64_t h = 0;     ///< units
    bool reverse = false;   ///< from the last step to the first
    std::int64_t parts = 1; ///< shares of the batch, 1 .. n; the bits of the result depend on it
    bool projected = false; ///< x is x·w already

    std::int64_t gates() const
    {
        return cell == RecurrentCell::Lstm ? 4 : cell == RecurrentCell::Gru ? 3 : 1;
    }
    std::int64_t columns() const { return gates() * h; }
    /// Floats of a step of x.
    std::int64_t inputWidth() const { return projected ? columns() : d; }
    std::int64_t biasRows() const { return cell == RecurrentCell::Gru ? 2 : 1; }
    /// Floats that the backward pass needs of each step beside its output. Lstm: gates and cell state; Gru:
    /// gates and the recurrent sum of the new one.
    std::int64_t reserveWidth() const
    {
        return cell == RecurrentCell::Lstm ? 5 * h : cell == RecurrentCell::Gru ? 4 * h : 0;
    }
};

/// The weights as they are stored.
struct RecurrentWeights
{
    const float* w = nullptr;    ///< [d, columns]; null where x is projected
    const float* u = nullptr;    ///< [h, columns]
    const float* bias = nullptr; ///< [biasRows, columns], or null
};

/// What both passes read.
struct RecurrentInputs
{
    const float* x = nullptr;    ///< [n, t, inputWidth]
    const float* h0 = nullptr;   ///< [n, h], or null for zeros
    const float* c0 = nullptr;   ///< [n, h], or null for zeros; Lstm only
    const float* mask = nullptr; ///< [n, t], or null where all steps are real
    const float* dropout =
        nullptr; ///< [n, h]: multiplies h(t-1) in the product with u at every step; or null
};

std::int64_t recurrentPackedSize(const RecurrentShape& shape);
std::int64_t recurrentPackUnits(const RecurrentShape& shape);
/// Packs weights and bias for the forward pass, once a training step.
void recurrentPack(const RecurrentShape& shape, const RecurrentWeights& weights, float* packed,
    std::int64_t begin, std::int64_t end);

struct RecurrentForwardArgs
{
    RecurrentInputs in;
    const float* packed = nullptr; ///< from recurrentPack
    float* y = nullptr;            ///< [n, t, h]: all states
    float* lastH = nullptr;        ///< [n, h]: the state behind the last step
    float* lastC = nullptr;        ///< [n, h]; Lstm only
    float* reserve = nullptr;      ///< [t, n, reserveWidth]; none for Tanh and Relu
    float* scratch = nullptr;      ///< recurrentForwardScratch floats of this call's own
};

std::int64_t recurrentForwardScratch(const RecurrentShape& shape);
/// Executes the shares [begin, end) of shape.parts.
void recurrentForward(
    const RecurrentShape& shape, const RecurrentForwardArgs& args, std::int64_t begin, std::int64_t end);

std::int64_t recurrentBackwardPackedSize(const RecurrentShape& shape);
std::int64_t recurrentBackwardPackUnits(const RecurrentShape& shape);
/// Packs the transposed weights for the backward pass.
void recurrentBackwardPack(const RecurrentShape& shape, const RecurrentWeights& weights, float* packed,
    std::int64_t begin, std::int64_t end);

struct RecurrentBackwardArgs
{
    RecurrentInputs in;
    const float* packed = nullptr;  ///< from recurrentBackwardPack
    const float* y = nullptr;       ///< [n, t, h] of the forward pass
    const float* reserve = nullptr; ///< of the forward pass
    const float* dy = nullptr;      ///< gradients of its results; each null where zero
    const float* dLastH = nullptr;
    const float* dLastC = nullptr;
    float* dx = nullptr;       ///< [n, t, inputWidth], or null where it is not wanted
    float* dh0 = nullptr;      ///< [n, h]
    float* dc0 = nullptr;      ///< [n, h]; Lstm only
    float* partials = nullptr; ///< recurrentPartials floats, shared by all calls
    float* scratch = nullptr;  ///< recurrentBackwardScratch floats of this call's own
};

/// Floats of the weight gradients of all parts.
std::int64_t recurrentPartials(const RecurrentShape& shape);
std::int64_t recurrentBackwardScratch(const RecurrentShape& shape);
/// Executes the shares [begin, end) of shape.parts: everything but the sum of the weight gradients.
void recurrentBackward(
    const RecurrentShape& shape, const RecurrentBackwardArgs& args, std::int64_t begin, std::int64_t end);

struct RecurrentGradients
{
    float* w = nullptr;    ///< [d, columns]; null where x is projected
    float* u = nullptr;    ///< [h, columns]
    float* bias = nullptr; ///< [biasRows, columns]
};

/// Units of the last pass, to run when all shares have finished: rows of the gradients.
std::int64_t recurrentCombineUnits(const RecurrentShape& shape);
/// Adds the parts' weight gradients in order.
void recurrentCombine(const RecurrentShape& shape, const float* partials, const RecurrentGradients& gradients,
    std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
