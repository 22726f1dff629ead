#pragma once

#include "engine/base/registry.h"
#include "engine/ir/builder.h"

#include <functional>

namespace gradloom::train {

/// What an optimizer writes its update with. Everything is one vector over many trainable weights, so the
/// whole update becomes one fused pass on any device; or rows of one table, those that the step has a
/// gradient for.
struct OptimizerContext
{
    ir::Builder& b;
    const Params& params;        ///< complete
    ir::ValueId weights;         ///< {P}, or rows R×D
    ir::ValueId gradients;       ///< like weights
    ir::ValueId learningRate;    ///< {1}, set before every step
    ir::ValueId step;            ///< {1}, float: 1 at the first step
    std::string slotPrefix = {}; ///< tells its slots from those of a model's other optimizer
    std::string slotSuffix = {}; ///< tells the slots of one part of the weights from those of another
    struct Rows
    {
        ir::ValueId rows;  ///< I32 {R}
        ir::ValueId table; ///< V×D
        std::vector<std::pair<ir::ValueId, ir::ValueId>> gathered =
            {}; ///< rows and their table: weights and slots
    };
    Rows* rows = nullptr; ///< where weights and gradients are rows of a table

    /// A vector kept from step to step, zero at the start: momentum, moments.
    ir::ValueId slot(const std::string& name);
    /// One number kept from step to step.
    ir::ValueId numberSlot(const std::string& name)
    {
        return b.slot(slotPrefix + name + slotSuffix, Shape{1});
    }
};

/// An optimizer as data: one file in engine/train/optimizers returns one of these.
struct OptimizerType
{
    std::string id;    ///< "adam"
    std::string title; ///< "Adam"
    std::string help;
    std::string formula;
    std::vector<ParamSpec> parameters; ///< includes "learning_rate"
    /// Emits the update: calls b.update for the weights and for every slot.
    std::function<void(OptimizerContext& context)> update;
};

const Registry<OptimizerType>& optimizerTypes();

} // namespace gradloom::train
