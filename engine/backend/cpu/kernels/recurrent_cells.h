#pragma once

#include "recurrent.h"

#include <array>
#include <cstdint>

namespace gradloom::cpu {

/// One sequence at one step, on the way forward.
struct CellRow
{
    const float* sums = nullptr; ///< of the gates; see RecurrentLayout
    const float* hBefore = nullptr;
    const float* cBefore = nullptr;
    const float* dropout = nullptr; ///< of the state, or null
    float* reserve = nullptr;
    float* y = nullptr;
    float* state = nullptr; ///< takes y∘dropout, the operand of the next step's product
};

/// One sequence at one step, on the way back.
struct CellGradRow
{
    const float* reserve = nullptr;
    const float* y = nullptr;
    const float* hBefore = nullptr;
    const float* cBefore = nullptr;
    const float* dy = nullptr; ///< or null
    float* dh = nullptr;       ///< in: of y without dy. out: of hBefore, but for what goes through the sums
    float* dc = nullptr;       ///< in: of the cell state. out: of cBefore
    float* dSums = nullptr;    ///< out
};

struct CellWork
{
    int64_t h = 0;
    std::array<int64_t, 4> gate{}; ///< offset of each gate in the sums
};

/// The pointwise part of a step for `count` sequences.
struct CellKernels
{
    void (*forward)(const CellWork& work, const CellRow* rows, int64_t count) = nullptr;
    void (*backward)(const CellWork& work, const CellGradRow* rows, int64_t count) = nullptr;
};

/// The functions of a cell in the instruction set in use. Sigmoid and tanh are rational approximations with
/// an absolute error below 5e-7.
CellKernels cellKernels(RecurrentCell cell);

/// y += x∘factor over n values; factor may be null for ones.
void addProduct(const float* x, const float* factor, float* y, int64_t n);
/// y = x∘factor over n values; factor may be null for ones.
void copyProduct(const float* x, const float* factor, float* y, int64_t n);

} // namespace gradloom::cpu
