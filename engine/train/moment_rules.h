#pragma once

#include "engine/train/optimizer_type.h"

/// What Adam and its relatives share.
namespace gradloom::train {

/// The options beta1 and beta2.
std::vector<ParamSpec> momentSpecs(double beta1, double beta2);
ParamSpec epsilonSpec(double value);

/// 1 − βᵗ for t of shape {1}.
ir::ValueId biasCorrection(ir::Builder& b, ir::ValueId step, double beta);

/// β·old + (1−β)·x, which the slot `old` becomes.
ir::ValueId movingAverage(ir::Builder& b, ir::ValueId old, ir::ValueId x, double beta);

/// √v of the moving average of the squared gradients (slot "square", option beta2), corrected for its start
/// at zero, plus ε.
ir::ValueId correctedRoot(OptimizerContext& context);

/// What Adam takes off the weights, learning rate included (Kingma and Ba 2015, algorithm 1; ε is added to
/// the root of the corrected second moment, as there and in PyTorch).
ir::ValueId adamChange(OptimizerContext& context);

} // namespace gradloom::train
