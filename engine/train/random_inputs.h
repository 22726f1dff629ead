#pragma once

#include "engine/train/loaded_program.h"

namespace gradloom::train {

/// Gives a program inputs to measure its time with, without a data set: numbers from [0, 1), tokens and
/// classes from all that its operations know (but no padding), weight 1 for each sample, a learning rate that
/// moves next to nothing. Nothing is constant or denormal, and rows of a table are hit as often as by a text
/// of evenly spread words.
void writeRandomInputs(LoadedProgram& program, uint64_t seed);

} // namespace gradloom::train
