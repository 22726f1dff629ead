#pragma once

#include "engine/backend/cpu/cpu_op.h"

/// The phases of the recurrent primitives, which differ in their cell only; operands as in
/// engine/ir/recurrent.h.
namespace gradloom::cpu {

void prepareRecurrent(Preparation& preparation);
void prepareRecurrentBackward(Preparation& preparation);

} // namespace gradloom::cpu
