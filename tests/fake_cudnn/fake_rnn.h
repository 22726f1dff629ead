#pragma once

#include "tests/fake_cudnn/fake_cudnn.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

struct cudnnDropoutStruct
{
    bool set = false;
    float rate = 0;
};

struct cudnnRNNStruct
{
    bool set = false;
    cudnnRNNMode_t cell = CUDNN_RNN_TANH;
    cudnnRNNBiasMode_t bias = CUDNN_RNN_NO_BIAS;
    int features = 0, units = 0;

    int gates() const { return cell == CUDNN_LSTM ? 4 : cell == CUDNN_GRU ? 3 : 1; }
    bool hasBias(int side) const { return bias == CUDNN_RNN_DOUBLE_BIAS || side == 0; }
};

struct cudnnRNNDataStruct
{
    bool set = false;
    int steps = 0, sequences = 0, size = 0;
};

/// How recurrent layers are computed by cuDNN's documentation.
namespace gradloom::tests {

/// Where the weights of a gate are in the weight space, in floats: all matrices, then all biases.
struct RnnWeights
{
    const cudnnRNNStruct& rnn;
    int gap;

    static size_t rounded(size_t count) { return (count + 15) / 16 * 16; }
    size_t matrixSize(int id) const
    {
        return static_cast<size_t>(rnn.units) *
               static_cast<size_t>(id < rnn.gates() ? rnn.features : rnn.units);
    }
    size_t matrix(int id) const
    {
        size_t at = 0;
        for (int before = 0; before < id; ++before)
            at += rounded(matrixSize(before) + static_cast<size_t>(16 * gap * before));
        return at;
    }
    size_t bias(int id) const
    {
        return matrix(2 * rnn.gates()) +
               static_cast<size_t>(id) * (rounded(static_cast<size_t>(rnn.units)) + 16);
    }
    size_t bytes() const { return bias(2 * rnn.gates()) * sizeof(float); }
};

/// What a call works on. In the reserve, for each sequence and step: the gates' results, R·h of the new
/// memory (Gru), the cell state, and the gradients of the gates' sums, those with W and those with R.
struct RnnCall
{
    const cudnnRNNStruct& rnn;
    RnnWeights at;
    int n, t, d, h, g;
    const float* weights = nullptr;
    float* reserve = nullptr;

    RnnCall(cudnnHandle_t handle, const cudnnRNNStruct& layer, const cudnnRNNDataStruct& x)
        : rnn(layer), at{layer, handle->gap}, n(x.sequences), t(x.steps), d(layer.features), h(layer.units),
          g(layer.gates())
    {
    }

    int noteWidth() const { return (3 * g + 2) * h; }
    size_t reserveBytes() const
    {
        return (16 + static_cast<size_t>(n) * static_cast<size_t>(t) * static_cast<size_t>(noteWidth())) *
               sizeof(float);
    }
    size_t workBytes() const { return static_cast<size_t>(n) * static_cast<size_t>(4 * h) * sizeof(float); }
    float& stage() const { return reserve[0]; }
    float* note(int seq, int step) const
    {
        return reserve + 16 + static_cast<size_t>(seq * t + step) * static_cast<size_t>(noteWidth());
    }
    float* gradients(int seq, int step, int side) const { return note(seq, step) + (g * (1 + side) + 2) * h; }
    float matrix(int id, int row, int column) const
    {
        return weights[at.matrix(id) + static_cast<size_t>(row * (id < g ? d : h) + column)];
    }
    float bias(int id, int unit) const
    {
        return rnn.hasBias(id / g) ? weights[at.bias(id) + static_cast<size_t>(unit)] : 0;
    }
    double sum(int id, int unit, const float* vector) const
    {
        double total = bias(id, unit);
        for (int k = 0; k < (id < g ? d : h); ++k)
            total += static_cast<double>(matrix(id, unit, k)) * vector[k];
        return total;
    }
};

inline double logistic(double x)
{
    return 1 / (1 + std::exp(-x));
}

/// One unit of one step: the new state. `before`: states, `cell`: this unit's cell state.
inline double unitForward(
    const RnnCall& c, int unit, const float* x, const float* before, double& cell, float* note)
{
    const auto in = [&](int gate) { return c.sum(gate, unit, x); };
    const auto state = [&](int gate) { return c.sum(c.g + gate, unit, before); };
    const auto keep = [&](int gate, double value) {
        note[gate * c.h + unit] = static_cast<float>(value);
        return value;
    };
    switch (c.rnn.cell) {
    case CUDNN_RNN_RELU:
        return keep(0, std::max(in(0) + state(0), 0.0));
    case CUDNN_RNN_TANH:
        return keep(0, std::tanh(in(0) + state(0)));
    case CUDNN_LSTM: {
        const double input = keep(0, logistic(in(0) + state(0)));
        const double forget = keep(1, logistic(in(1) + state(1)));
        const double fresh = keep(2, std::tanh(in(2) + state(2)));
        const double output = keep(3, logistic(in(3) + state(3)));
        cell = keep(c.g + 1, forget * cell + input * fresh);
        return output * std::tanh(cell);
    }
    case CUDNN_GRU:
        break;
    }
    const double reset = keep(0, logistic(in(0) + state(0)));
    const double update = keep(1, logistic(in(1) + state(1)));
    const double fresh = keep(2, std::tanh(in(2) + reset * keep(c.g, state(2))));
    return (1 - update) * fresh + update * before[unit];
}

struct UnitGradient
{
    double state, cell;
};

/// The gradients of one unit's sums from those of its state; gives what goes on to the step before, but for
/// what goes through R.
inline UnitGradient unitBackward(
    const RnnCall& c, int seq, int step, int unit, UnitGradient of, double before, double cellBefore)
{
    const float* note = c.note(seq, step);
    const auto kept = [&](int gate) { return static_cast<double>(note[gate * c.h + unit]); };
    const auto put = [&](int gate, double withW, double withR) {
        c.gradients(seq, step, 0)[gate * c.h + unit] = static_cast<float>(withW);
        c.gradients(seq, step, 1)[gate * c.h + unit] = static_cast<float>(withR);
    };
    const auto both = [&](int gate, double value) { put(gate, value, value); };
    switch (c.rnn.cell) {
    case CUDNN_RNN_RELU:
        both(0, kept(0) > 0 ? of.state : 0);
        return {0, 0};
    case CUDNN_RNN_TANH:
        both(0, of.state * (1 - kept(0) * kept(0)));
        return {0, 0};
    case CUDNN_LSTM: {
        const double squashed = std::tanh(kept(c.g + 1));
        const double cell = of.cell + of.state * kept(3) * (1 - squashed * squashed);
        both(0, cell * kept(2) * kept(0) * (1 - kept(0)));
        both(1, cell * cellBefore * kept(1) * (1 - kept(1)));
        both(2, cell * kept(0) * (1 - kept(2) * kept(2)));
        both(3, of.state * squashed * kept(3) * (1 - kept(3)));
        return {0, cell * kept(1)};
    }
    case CUDNN_GRU:
        break;
    }
    const double fresh = of.state * (1 - kept(1)) * (1 - kept(2) * kept(2));
    both(0, fresh * kept(c.g) * kept(0) * (1 - kept(0)));
    both(1, of.state * (before - kept(2)) * kept(1) * (1 - kept(1)));
    put(2, fresh, fresh * kept(0));
    return {of.state * kept(1), 0};
}

/// The states before a step.
inline std::vector<float> statesBefore(const RnnCall& c, const float* y, const float* hx, int seq, int step)
{
    std::vector<float> states(static_cast<size_t>(c.h));
    if (step > 0)
        std::copy_n(y + (seq * c.t + step - 1) * c.h, c.h, states.begin());
    else if (hx)
        std::copy_n(hx + seq * c.h, c.h, states.begin());
    return states;
}

/// 0 where nothing was given.
inline double numberOf(const void* from, int at)
{
    return from ? static_cast<double>(static_cast<const float*>(from)[at]) : 0.0;
}

struct RnnBackwardData
{
    const float *y, *dy, *hx, *cx;
    float* dx;
};

/// `carried`: the gradients of the state behind the step, then of that before it.
inline void stepBackward(
    const RnnCall& c, const RnnBackwardData& data, int seq, int step, std::vector<UnitGradient>& carried)
{
    const int row = seq * c.t + step;
    const auto before = statesBefore(c, data.y, data.hx, seq, step);
    for (int i = 0; i < c.h; ++i) {
        UnitGradient& of = carried[static_cast<size_t>(i)];
        of.state += data.dy[row * c.h + i];
        const double cellBefore = step > 0 ? static_cast<double>(c.note(seq, step - 1)[(c.g + 1) * c.h + i])
                                           : numberOf(data.cx, seq * c.h + i);
        of = unitBackward(c, seq, step, i, of, before[static_cast<size_t>(i)], cellBefore);
    }
    for (int j = 0; j < c.g * c.h; ++j)
        for (int k = 0; k < c.h; ++k)
            carried[static_cast<size_t>(k)].state +=
                static_cast<double>(c.gradients(seq, step, 1)[j]) * c.matrix(c.g + j / c.h, j % c.h, k);
    for (int k = 0; k < c.d; ++k) {
        double sum = 0;
        for (int j = 0; j < c.g * c.h; ++j)
            sum += static_cast<double>(c.gradients(seq, step, 0)[j]) * c.matrix(j / c.h, j % c.h, k);
        data.dx[row * c.d + k] = static_cast<float>(sum);
    }
}

inline bool isState(cudnnTensorDescriptor_t d, const RnnCall& c)
{
    return d && d->set && d->dims == std::vector<int>{1, c.n, c.h} &&
           d->strides == std::vector<int>{c.n * c.h, c.h, 1};
}

inline bool areSequences(const RnnCall& c, const cudnnRNNDataStruct& x, const cudnnRNNDataStruct& y)
{
    return x.set && y.set && x.size == c.d && y.size == c.h && x.steps == y.steps &&
           x.sequences == y.sequences;
}

/// Null, or memory in whole vectors.
inline bool mayBe(const void* address)
{
    return !address || areGiven({address});
}

struct RnnSpace
{
    size_t bytes;
    const void* address;

    bool holds(size_t needed) const { return bytes >= needed && areGiven({address}); }
};

inline void addProducts(const RnnCall& c, int id, const float* gradients, const float* vector, float* to)
{
    const int columns = id < c.g ? c.d : c.h;
    const int gate = id % c.g;
    for (int i = 0; i < c.h; ++i) {
        for (int k = 0; k < columns; ++k)
            to[c.at.matrix(id) + static_cast<size_t>(i * columns + k)] +=
                gradients[gate * c.h + i] * vector[k];
        if (c.rnn.hasBias(id / c.g))
            to[c.at.bias(id) + static_cast<size_t>(i)] += gradients[gate * c.h + i];
    }
}

} // namespace gradloom::tests
