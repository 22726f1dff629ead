#pragma once

#include "engine/ir/recurrent.h"
#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// A recurrent layer around the primitive of `kind`: options, ports, shapes and lowering that SimpleRNN, LSTM
/// and GRU share. The caller adds help, formula, options of the cell and samples.
LayerType recurrentLayer(std::string id, std::string title, const ir::RecurrentKind& kind);

/// Samples that every recurrent layer is checked on: odd sizes, both directions, stacks, masks, states,
/// dropout.
std::vector<Sample> recurrentSamples(const ir::RecurrentKind& kind);

} // namespace gradloom::layers
