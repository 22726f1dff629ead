#pragma once

#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

/// Makes a pointwise operation ready: `code` over the operands of the operation, one pass over memory.
void preparePointwise(Preparation& preparation, const ir::PointwiseCode& code);

/// The same on some rows of tables (ir "pointwise_rows"): blocks of rows are brought together in scratch memory,
/// changed there and put back.
void preparePointwiseRows(Preparation& preparation, const ir::PointwiseCode& code);

} // namespace gradloom::cpu
