#pragma once

#include "engine/ir/op_type.h"

namespace gradloom::ir {

/// What distinguishes the recurrent primitives rnn, lstm and gru. They take the same operands in the same
/// order:
///
///   0 x N×T×D, 1 weights D×(G·H) or absent: x is then the product with them already, N×T×(G·H), 2 recurrent weights H×(G·H), 3 bias (G·H, with two rows 2×(G·H)) or
///   absent, 4 initial state N×H or absent (zeros), 5 mask N×T or absent, 6 recurrent dropout N×H or absent,
///   7 initial cell state N×H or absent (with a cell only)
///
/// and give: all states N×T×H, the last state N×H, the last cell state N×H (with a cell), the reserve
/// T×N×(R·H) that the adjoint needs (where R > 0). A step whose mask is not above 0.5 carries the state on.
/// The recurrent dropout multiplies the state where it enters the product with the recurrent weights, at
/// every step and for all gates alike (one mask a sequence: Gal and Ghahramani 2016; it has no gradient).
/// With `reverse` the last step comes first; results keep their places, and the last state is the one behind
/// step 0.
struct RecurrentKind
{
    std::string id;
    std::string help;         ///< of the cell
    int64_t gates = 1;        ///< G
    int64_t biasRows = 1;     ///< 2 where input and recurrent weights have a bias each
    bool cell = false;        ///< keeps a cell state beside its output
    int64_t reserveUnits = 0; ///< R
};

/// Shape of the bias for so many units.
Shape recurrentBiasShape(const RecurrentKind& kind, int64_t units);

/// The forward primitive.
OpType recurrentOp(const RecurrentKind& kind);

/// Its adjoint, called id + "_backward":
///   0 x, 1 weights, 2 recurrent weights, 3 initial state, 4 mask, 5 recurrent dropout, 6 initial cell state,
///   7 all states, 8 reserve, 9 gradient of all states, 10 of the last one, 11 of the last cell state (absent
///   where zero)
/// gives the gradients of recurrent weights, bias, initial state, initial cell state (with a cell), of the weights
/// (where there are any), and of x where the option `input_gradient` is set: see RecurrentGradientPlaces.
OpType recurrentBackwardOp(const RecurrentKind& kind);

/// Which result of the adjoint is the gradient of what. Of those that it does not give the place is behind the last
/// result.
struct RecurrentGradientPlaces
{
    size_t recurrentWeights = 0, bias = 1, state = 2, cellState, weights, x;

    RecurrentGradientPlaces(bool cell, bool hasWeights)
        : cellState(3), weights(cell ? 4 : 3), x(weights + (hasWeights ? 1 : 0))
    {
    }
};

const RecurrentKind& rnnKind();
const RecurrentKind& lstmKind();
const RecurrentKind& gruKind();

} // namespace gradloom::ir
