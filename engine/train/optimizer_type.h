#pragma once

#include "engine/base/registry.h"
#include "engine/ir/builder.h"

#include <functional>

namespace gradloom::train {

/// What an optimizer writes its update with. Everything is one vector over all trainable weights of the
/// model, so the whole update becomes one fused pass on any device.
struct OptimizerContext
{
    ir::Builder& b;
    const Params& params;     ///< complete
    ir::ValueId weights;      ///< {P}
    ir::ValueId gradients;    ///< {P}
    ir::ValueId learningRate; ///< {1}, set before every step
    ir::ValueId step;         ///< {1}, float: 1 at the first step
    std::string slotPrefix = {}; ///< tells its slots from those of a model's other optimizer

    /// A vector kept from step to step, zero at the start: momentum, moments.
    ir::ValueId slot(const std::string& name) { return b.slot(slotPrefix + name, b.shape(weights)); }
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
