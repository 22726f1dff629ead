#pragma once

#include "engine/backend/cuda/functors/portable.h"

/// Recurrent layers over whole sequences; cells, gates, mask and reserve as in engine/ir/recurrent.h. The
/// products with x are one large product before (forward) or behind (backward) all steps. The steps
/// themselves are taken in one of two ways: a team goes with its sequence through all steps, reading the
/// recurrent weights from cache (few units), or each step is a product with all sequences and a functor for
/// the cells (many units).
namespace gradloom::cuda {

enum class RecurrentKind { Tanh, Relu, Lstm, Gru };

/// Sizes and operands that all passes share.
struct RecurrentLayer
{
    RecurrentKind kind = RecurrentKind::Tanh;
    int64_t n = 0, t = 0, h = 0;
    int64_t columns = 0;      ///< gates·h
    int64_t reserveWidth = 0; ///< of one sequence and step
    bool reverse = false;
    const float* u = nullptr;       ///< [h, columns]
    const float* h0 = nullptr;      ///< [n, h] or null
    const float* c0 = nullptr;      ///< [n, h] or null
    const float* mask = nullptr;    ///< [n, t] or null
    const float* dropout = nullptr; ///< [n, h] or null

    /// Place in time of the s-th step in the order of processing.
    GRADLOOM_DEVICE int64_t time(int64_t s) const { return reverse ? t - 1 - s : s; }
    GRADLOOM_DEVICE bool isReal(int64_t seq, int64_t s) const
    {
        return mask == nullptr || mask[seq * t + time(s)] > 0.5F;
    }
    GRADLOOM_DEVICE int64_t stepOf(int64_t seq, int64_t s) const { return seq * t + time(s); }
    GRADLOOM_DEVICE int64_t reserveAt(int64_t seq, int64_t s) const
    {
        return (time(s) * n + seq) * reserveWidth;
    }
    GRADLOOM_DEVICE float dropped(float value, int64_t seq, int64_t i) const
    {
        return dropout != nullptr ? value * dropout[seq * h + i] : value;
    }
    GRADLOOM_DEVICE float stateBefore(const float* y, int64_t seq, int64_t s, int64_t i) const
    {
        if (s > 0)
            return y[stepOf(seq, s - 1) * h + i];
        return h0 != nullptr ? h0[seq * h + i] : 0.0F;
    }
    GRADLOOM_DEVICE float cellBefore(const float* reserve, int64_t seq, int64_t s, int64_t i) const
    {
        if (s > 0)
            return reserve[reserveAt(seq, s - 1) + 4 * h + i];
        return c0 != nullptr ? c0[seq * h + i] : 0.0F;
    }
};

/// One unit of one sequence at one step, on the way forward.
struct RecurrentForward
{
    RecurrentLayer layer;
    const float* sums = nullptr;       ///< [n, t, columns]: x·w and the bias
    const float* secondBias = nullptr; ///< [columns] of Gru, or null
    float* y = nullptr;                ///< [n, t, h]
    float* reserve = nullptr;          ///< [t, n, reserveWidth]

    GRADLOOM_DEVICE float recurrent(const float* products, int64_t j) const
    {
        return products[j] + (secondBias != nullptr ? secondBias[j] : 0.0F);
    }

    /// `products`: [columns], the state times u. Returns the new state and sets the cell state.
    GRADLOOM_DEVICE float cell(
        int64_t seq, int64_t s, int64_t i, const float* products, float hBefore, float& cState) const
    {
        const int64_t h = layer.h;
        const float* sum = sums + layer.stepOf(seq, s) * layer.columns;
        if (layer.kind == RecurrentKind::Tanh)
            return tanhf(sum[i] + products[i]);
        if (layer.kind == RecurrentKind::Relu)
            return rectified(sum[i] + products[i]);
        float* kept = reserve + layer.reserveAt(seq, s) + i;
        if (layer.kind == RecurrentKind::Lstm) {
            const float in = sigmoidOf(sum[i] + products[i]);
            const float forget = sigmoidOf(sum[h + i] + products[h + i]);
            const float fresh = tanhf(sum[2 * h + i] + products[2 * h + i]);
            const float out = sigmoidOf(sum[3 * h + i] + products[3 * h + i]);
            cState = forget * cState + in * fresh;
            kept[0] = in;
            kept[h] = forget;
            kept[2 * h] = fresh;
            kept[3 * h] = out;
            kept[4 * h] = cState;
            return out * tanhf(cState);
        }
        const float reset = sigmoidOf(sum[i] + recurrent(products, i));
        const float update = sigmoidOf(sum[h + i] + recurrent(products, h + i));
        const float hidden = recurrent(products, 2 * h + i);
        const float fresh = tanhf(sum[2 * h + i] + reset * hidden);
        kept[0] = reset;
        kept[h] = update;
        kept[2 * h] = fresh;
        kept[3 * h] = hidden;
        return fresh + update * (hBefore - fresh);
    }

    /// What a step of padding leaves behind.
    GRADLOOM_DEVICE void carryOn(int64_t seq, int64_t s, int64_t i, float cState) const
    {
        if (layer.reserveWidth == 0)
            return;
        float* kept = reserve + layer.reserveAt(seq, s) + i;
        for (int part = 0; part < 4; ++part)
            kept[part * layer.h] = 0.0F;
        if (layer.kind == RecurrentKind::Lstm)
            kept[4 * layer.h] = cState;
    }
};

/// All steps of a sequence; teams by sequences. `shared`: 3·h + columns floats.
struct RecurrentSequence
{
    RecurrentForward f;
    float* lastH = nullptr;
    float* lastC = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t seq) const
    {
        const RecurrentLayer& l = f.layer;
        float* state = team.shared; // times dropout: the operand of the product
        float* hidden = state + l.h;
        float* cells = hidden + l.h;
        float* products = cells + l.h;
        for (int64_t i = team.rank(); i < l.h; i += team.size()) {
            hidden[i] = l.stateBefore(f.y, seq, 0, i);
            cells[i] = l.cellBefore(f.reserve, seq, 0, i);
            state[i] = l.dropped(hidden[i], seq, i);
        }
        team.sync();
        for (int64_t s = 0; s < l.t; ++s) {
            const bool real = l.isReal(seq, s);
            if (real)
                for (int64_t j = team.rank(); j < l.columns; j += team.size())
                    products[j] = product(state, j);
            team.sync();
            for (int64_t i = team.rank(); i < l.h; i += team.size()) {
                if (real) {
                    hidden[i] = f.cell(seq, s, i, products, hidden[i], cells[i]);
                    state[i] = l.dropped(hidden[i], seq, i);
                } else {
                    f.carryOn(seq, s, i, cells[i]);
                }
                f.y[l.stepOf(seq, s) * l.h + i] = hidden[i];
            }
            team.sync();
        }
        for (int64_t i = team.rank(); i < l.h; i += team.size()) {
            lastH[seq * l.h + i] = hidden[i];
            if (lastC != nullptr)
                lastC[seq * l.h + i] = cells[i];
        }
    }

    /// Several sums at once, so that loads need not wait for each other.
    GRADLOOM_DEVICE float product(const float* state, int64_t column) const
    {
        const int64_t stride = f.layer.columns;
        const float* u = f.layer.u + column;
        constexpr int together = 8;
        float sum[together] = {};
        int64_t k = 0;
        for (; k + together <= f.layer.h; k += together)
            for (int part = 0; part < together; ++part)
                sum[part] += state[k + part] * u[(k + part) * stride];
        for (; k < f.layer.h; ++k)
            sum[0] += state[k] * u[k * stride];
        return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    }
};

/// One step of all sequences; by sequences and units. The state, times dropout, is the operand of the next
/// product.
struct RecurrentStep
{
    RecurrentForward f;
    int64_t s = 0;
    const float* products = nullptr; ///< [n, columns]
    float* state = nullptr;          ///< [n, h]
    float* cells = nullptr;          ///< [n, h]
    float* lastH = nullptr;          ///< set in the last step, else null
    float* lastC = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const RecurrentLayer& l = f.layer;
        const Division d = divide(index, l.h);
        const int64_t seq = d.quotient;
        const int64_t i = d.rest;
        float hidden = l.stateBefore(f.y, seq, s, i);
        float cState = s > 0 ? cells[index] : (l.c0 != nullptr ? l.c0[index] : 0.0F);
        if (l.isReal(seq, s)) {
            hidden = f.cell(seq, s, i, products + seq * l.columns, hidden, cState);
            state[index] = l.dropped(hidden, seq, i);
        } else {
            f.carryOn(seq, s, i, cState);
        }
        cells[index] = cState;
        f.y[l.stepOf(seq, s) * l.h + i] = hidden;
        if (lastH != nullptr)
            lastH[index] = hidden;
        if (lastC != nullptr)
            lastC[index] = cState;
    }
};

/// The states before the first step, times dropout; by sequences and units.
struct RecurrentStart
{
    RecurrentLayer layer;
    float* state = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division d = divide(index, layer.h);
        state[index] = layer.dropped(layer.stateBefore(nullptr, d.quotient, 0, d.rest), d.quotient, d.rest);
    }
};

/// The operands of all products with u, one row a step: [n, t, h]; by their elements.
struct RecurrentOperands
{
    RecurrentLayer layer;
    const float* y = nullptr;
    float* operands = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division byUnit = divide(index, layer.h);
        const Division byTime = divide(byUnit.quotient, layer.t);
        const int64_t seq = byTime.quotient;
        const float before = layer.stateBefore(y, seq, layer.time(byTime.rest), byUnit.rest);
        operands[index] = layer.dropped(before, seq, byUnit.rest);
    }
};

/// One unit of one sequence at one step, on the way back.
struct RecurrentBackward
{
    RecurrentLayer layer;
    const float* y = nullptr;
    const float* reserve = nullptr;
    const float* dy = nullptr; ///< [n, t, h] or null
    float* dx = nullptr;       ///< [n, t, columns]: gradient of x·w
    float* dh = nullptr; ///< [n, t, columns]: gradient of the product with u; the same memory but for Gru

    GRADLOOM_DEVICE float outputGradient(int64_t seq, int64_t s, int64_t i) const
    {
        return dy != nullptr ? dy[layer.stepOf(seq, s) * layer.h + i] : 0.0F;
    }

    GRADLOOM_DEVICE void put(int64_t at, float value) const
    {
        dx[at] = value;
        dh[at] = value;
    }

    /// A step of padding has no gradient of its own.
    GRADLOOM_DEVICE void carryOn(int64_t seq, int64_t s, int64_t i) const
    {
        const int64_t row = layer.stepOf(seq, s) * layer.columns;
        for (int64_t j = i; j < layer.columns; j += layer.h)
            put(row + j, 0.0F);
    }

    /// `g`: gradient of the state; becomes that of the state before, but for what goes through the product.
    /// `dc` likewise for the cell state.
    GRADLOOM_DEVICE void cell(int64_t seq, int64_t s, int64_t i, float& g, float& dc) const
    {
        const int64_t h = layer.h;
        const int64_t to = layer.stepOf(seq, s) * layer.columns + i;
        const float out = y[layer.stepOf(seq, s) * h + i];
        if (layer.kind == RecurrentKind::Tanh || layer.kind == RecurrentKind::Relu) {
            const bool relu = layer.kind == RecurrentKind::Relu;
            put(to, relu ? (out > 0.0F ? g : 0.0F) : g * (1.0F - out * out));
            g = 0;
            return;
        }
        const float* kept = reserve + layer.reserveAt(seq, s) + i;
        if (layer.kind == RecurrentKind::Lstm)
            lstm(seq, s, i, kept, to, g, dc);
        else
            gru(layer.stateBefore(y, seq, s, i), kept, to, g);
    }

    GRADLOOM_DEVICE void lstm(
        int64_t seq, int64_t s, int64_t i, const float* kept, int64_t to, float& g, float& dc) const
    {
        const int64_t h = layer.h;
        const float in = kept[0];
        const float forget = kept[h];
        const float fresh = kept[2 * h];
        const float out = kept[3 * h];
        const float squashed = tanhf(kept[4 * h]);
        const float d = dc + g * out * (1.0F - squashed * squashed);
        put(to, d * fresh * in * (1.0F - in));
        put(to + h, d * layer.cellBefore(reserve, seq, s, i) * forget * (1.0F - forget));
        put(to + 2 * h, d * in * (1.0F - fresh * fresh));
        put(to + 3 * h, g * squashed * out * (1.0F - out));
        dc = d * forget;
        g = 0;
    }

    GRADLOOM_DEVICE void gru(float before, const float* kept, int64_t to, float& g) const
    {
        const int64_t h = layer.h;
        const float reset = kept[0];
        const float update = kept[h];
        const float fresh = kept[2 * h];
        const float hidden = kept[3 * h];
        const float dFresh = g * (1.0F - update) * (1.0F - fresh * fresh);
        put(to, dFresh * hidden * reset * (1.0F - reset));
        put(to + h, g * (before - fresh) * update * (1.0F - update));
        dx[to + 2 * h] = dFresh;
        dh[to + 2 * h] = dFresh * reset;
        g *= update;
    }
};

/// All steps of a sequence, from the last to the first; teams by sequences. `shared`: 2·h + columns floats
/// and one a thread.
struct RecurrentSequenceBackward
{
    RecurrentBackward b;
    const float* uTransposed = nullptr; ///< [columns, h]
    const float* dLastH = nullptr;      ///< [n, h] or null
    const float* dLastC = nullptr;
    float* dh0 = nullptr;
    float* dc0 = nullptr; ///< null but for Lstm

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t seq) const
    {
        const RecurrentLayer& l = b.layer;
        float* state = team.shared; // gradients of the state and of the cell state
        float* cells = state + l.h;
        float* products = cells + l.h;
        float* partial = products + l.columns;
        for (int64_t i = team.rank(); i < l.h; i += team.size()) {
            state[i] = dLastH != nullptr ? dLastH[seq * l.h + i] : 0.0F;
            cells[i] = dLastC != nullptr ? dLastC[seq * l.h + i] : 0.0F;
        }
        team.sync();
        for (int64_t s = l.t - 1; s >= 0; --s) {
            const bool real = l.isReal(seq, s);
            for (int64_t i = team.rank(); i < l.h; i += team.size()) {
                state[i] += b.outputGradient(seq, s, i);
                if (!real) {
                    b.carryOn(seq, s, i);
                    continue;
                }
                b.cell(seq, s, i, state[i], cells[i]);
                const int64_t row = l.stepOf(seq, s) * l.columns;
                for (int64_t j = i; j < l.columns; j += l.h)
                    products[j] = b.dh[row + j];
            }
            team.sync();
            if (real)
                multiplyBack(team, seq, products, partial, state);
            team.sync();
        }
        for (int64_t i = team.rank(); i < l.h; i += team.size()) {
            dh0[seq * l.h + i] = state[i];
            if (dc0 != nullptr)
                dc0[seq * l.h + i] = cells[i];
        }
    }

    /// state += dropout∘(products·uᵀ). The threads form groups of h, each of which sums a share of the
    /// columns.
    template <class Team>
    GRADLOOM_DEVICE void multiplyBack(
        Team& team, int64_t seq, const float* products, float* partial, float* state) const
    {
        const RecurrentLayer& l = b.layer;
        const int64_t groups = team.size() >= l.h ? team.size() / l.h : 1;
        const int64_t group = groups == 1 ? 0 : team.rank() / l.h;
        const int64_t first = groups == 1 ? team.rank() : team.rank() % l.h;
        if (groups > 1 && group < groups)
            partial[team.rank()] = product(products, first, partBegin(l.columns, groups, group),
                partBegin(l.columns, groups, group + 1));
        team.sync();
        if (groups == 1)
            for (int64_t i = first; i < l.h; i += team.size())
                state[i] += l.dropped(product(products, i, 0, l.columns), seq, i);
        else if (group == 0) {
            float sum = 0;
            for (int64_t k = 0; k < groups; ++k)
                sum += partial[k * l.h + first];
            state[first] += l.dropped(sum, seq, first);
        }
    }

    GRADLOOM_DEVICE float product(const float* products, int64_t i, int64_t begin, int64_t end) const
    {
        constexpr int together = 4;
        float sum[together] = {};
        int64_t j = begin;
        for (; j + together <= end; j += together)
            for (int part = 0; part < together; ++part)
                sum[part] += products[j + part] * uTransposed[(j + part) * b.layer.h + i];
        for (; j < end; ++j)
            sum[0] += products[j] * uTransposed[j * b.layer.h + i];
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
};

/// One step back of all sequences; by sequences and units.
struct RecurrentStepBackward
{
    RecurrentBackward b;
    int64_t s = 0;
    const float* products =
        nullptr; ///< [n, h]: what came back through the product of the step behind; null: nothing
    const float* dLastH = nullptr; ///< where there is no step behind: gradients of the last states, or null
    const float* dLastC = nullptr;
    float* state = nullptr; ///< [n, h]: gradients from step to step
    float* cells = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const RecurrentLayer& l = b.layer;
        const Division d = divide(index, l.h);
        const bool last = s == l.t - 1;
        float g = last ? (dLastH != nullptr ? dLastH[index] : 0.0F) : state[index];
        float dc = last ? (dLastC != nullptr ? dLastC[index] : 0.0F) : cells[index];
        if (products != nullptr)
            g += l.dropped(products[index], d.quotient, d.rest);
        g += b.outputGradient(d.quotient, s, d.rest);
        if (l.isReal(d.quotient, s))
            b.cell(d.quotient, s, d.rest, g, dc);
        else
            b.carryOn(d.quotient, s, d.rest);
        state[index] = g;
        cells[index] = dc;
    }
};

/// Gradients of the initial states behind the first step; by sequences and units.
struct RecurrentFinishBackward
{
    RecurrentLayer layer;
    const float* products = nullptr;
    const float* state = nullptr;
    const float* cells = nullptr;
    float* dh0 = nullptr;
    float* dc0 = nullptr; ///< or null

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division d = divide(index, layer.h);
        dh0[index] = state[index] + layer.dropped(products[index], d.quotient, d.rest);
        if (dc0 != nullptr)
            dc0[index] = cells[index];
    }
};

} // namespace gradloom::cuda
