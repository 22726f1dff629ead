#pragma once

#include "engine/layers/layer_type.h"
#include "engine/train/optimizer_type.h"

namespace gradloom::train {

using layers::LowerContext;

/// How a vector of weights is changed by a vector of gradients.
struct UpdateRule
{
    const OptimizerType* optimizer = nullptr;
    Params params; ///< the optimizer's, complete
    double clipValue = 0;
    double clipNorm = 0;
    double emaDecay = 0;
    bool accumulate = false; ///< gradients of several batches make one update
    std::string slotPrefix = {}; ///< of the optimizer's slots, where a model has two optimizers
};

inline constexpr const char* averageSlot = "weights.average";

/// Adds the gradients of one batch to those gathered since the last update; the weights stay as they are.
/// Such a step and one of `emitUpdate` with the same rule share their slots. `weightSum` ({1}) is what the
/// batch counts.
void emitAccumulation(ir::Builder& b, ir::ValueId gradients, ir::ValueId weightSum);

/// Some of the weights with their gradients.
struct WeightPart
{
    ir::ValueId weights = ir::noValue;   ///< a vector, a range of the flat buffer; or a table V×D
    ir::ValueId gradients = ir::noValue; ///< a vector of that length; or R×D
    ir::ValueId rows = ir::noValue;      ///< of a table: the rows that have a gradient, I32 {R}
    std::string slotSuffix = {};         ///< of the optimizer's slots, where there are several parts
};

/// Whether a rule can leave the rows of a table alone that have no gradient: gathered gradients and the average of
/// the weights concern all of them.
inline bool movesSingleRows(const UpdateRule& rule)
{
    return !rule.accumulate && rule.emaDecay == 0;
}

/// The update: gathered gradients (mean over the batches by what they count), clipping by value, clipping by
/// norm, the optimizer, max-norm, the average of the weights. Reads the inputs "learning_rate" and "step"
/// ({1} each; the step counts updates from 1). Several parts, or rows of tables, only where `movesSingleRows`.
///
/// Clipping by norm: Pascanu, Mikolov and Bengio 2013, with PyTorch's 1e-6 beside the norm. Max-norm:
/// Srivastava et al. 2014, section 5.1, for each output unit. Average: a ← d·a + (1−d)·w after each update,
/// and a = w after the first one (PyTorch's get_ema_multi_avg_fn); running statistics are not averaged.
void emitUpdate(ir::Builder& b, std::vector<WeightPart> parts, ir::ValueId weightSum, const UpdateRule& rule,
    const std::vector<LowerContext::MaxNorm>& limits);

} // namespace gradloom::train
