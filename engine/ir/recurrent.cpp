#include "engine/ir/recurrent.h"

#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

bool absentOr(const TensorType& operand, const Shape& shape)
{
    return operand.shape.rank() == 0 || operand.shape == shape;
}

/// Whether x comes multiplied with the weights.
bool isProjected(std::span<const TensorType> in)
{
    return in[1].shape.rank() == 0;
}

Result<Types> inferForward(const RecurrentKind& kind, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    const Shape& u = in[2].shape;
    if (x.rank() != 3 || u.rank() != 2)
        return shapeError("x must be N×T×D and the recurrent weights a matrix");
    const int64_t units = u[0];
    const Shape state{x[0], units};
    const bool fitsX = isProjected(in) ? x[2] == u[1] : in[1].shape == Shape{x[2], u[1]};
    if (u[1] != kind.gates * units || !fitsX)
        return shapeError("the weights must be D×(G·H) and H×(G·H)");
    if (!absentOr(in[3], recurrentBiasShape(kind, units)))
        return shapeError("the bias does not fit the weights");
    const bool fits = absentOr(in[4], state) && absentOr(in[5], Shape{x[0], x[1]}) &&
                      absentOr(in[6], state) && (!kind.cell || absentOr(in[7], state));
    if (!fits)
        return shapeError("states and recurrent dropout must be N×H, the mask N×T");
    Types results{{Shape{x[0], x[1], units}, DType::F32}, {state, DType::F32}};
    if (kind.cell)
        results.push_back({state, DType::F32});
    if (kind.reserveUnits > 0)
        results.push_back({Shape{x[1], x[0], kind.reserveUnits * units}, DType::F32});
    return results;
}

std::vector<ValueId> adjointOf(
    const RecurrentKind& kind, Builder& b, const Op& op, Gradients g, const Wanted& wanted)
{
    Params attributes = op.attributes;
    attributes.set("input_gradient", static_cast<bool>(wanted[0]));
    const ValueId reserve = kind.reserveUnits > 0 ? op.outputs.back() : noValue;
    const auto gradients = b.ops(kind.id + "_backward",
        {op.inputs[0], op.inputs[1], op.inputs[2], op.inputs[4], op.inputs[5], op.inputs[6],
            kind.cell ? op.inputs[7] : noValue, op.outputs[0], reserve, g[0], g[1],
            kind.cell ? g[2] : noValue},
        attributes);
    const bool hasWeights = op.inputs[1] != noValue;
    const RecurrentGradientPlaces at(kind.cell, hasWeights);
    std::vector<ValueId> result{wanted[0] ? gradients[at.x] : noValue, hasWeights ? gradients[at.weights] : noValue,
        gradients[at.recurrentWeights], gradients[at.bias], gradients[at.state], noValue, noValue};
    if (kind.cell)
        result.push_back(gradients[at.cellState]);
    return result;
}

/// Features that are multiplied with the weights.
int64_t multipliedFeatures(std::span<const TensorType> in)
{
    return isProjected(in) ? 0 : in[0].shape[2];
}

/// Floating point operations of products of a vector of `depth` with the weights of all gates, for all steps.
int64_t productFlops(const RecurrentKind& kind, std::span<const TensorType> in, int64_t depth)
{
    const Shape& x = in[0].shape;
    return 2 * x[0] * x[1] * depth * kind.gates * in[2].shape[0];
}

} // namespace

Shape recurrentBiasShape(const RecurrentKind& kind, int64_t units)
{
    return kind.biasRows == 1 ? Shape{kind.gates * units} : Shape{kind.biasRows, kind.gates * units};
}

OpType recurrentOp(const RecurrentKind& kind)
{
    OpType type;
    type.id = kind.id;
    type.help =
        kind.help +
        " Operands: x N×T×D, weights D×(G·H) (absent where x comes multiplied with them, N×T×(G·H)), recurrent weights "
        "H×(G·H), bias, initial state N×H, mask N×T, "
        "recurrent "
        "dropout N×H" +
        (kind.cell ? ", initial cell state N×H" : "") +
        "; all behind the recurrent weights may be absent. Option reverse. Results: all states N×T×H, the last state" +
        (kind.cell ? ", the last cell state" : "") +
        (kind.reserveUnits > 0 ? ", what the adjoint needs." : ".");
    type.infer = [kind](std::span<const TensorType> in, const Params&) { return inferForward(kind, in); };
    type.adjoint = [kind](Builder& b, const Op& op, Gradients g, const Wanted& wanted) {
        return adjointOf(kind, b, op, g, wanted);
    };
    type.flops = [kind](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return productFlops(kind, in, multipliedFeatures(in) + in[2].shape[0]);
    };
    return type;
}

OpType recurrentBackwardOp(const RecurrentKind& kind)
{
    OpType type;
    type.id = kind.id + "_backward";
    type.help = "Adjoint of " + kind.id +
                ": from its operands and results and their gradients, those of recurrent weights, bias, initial state" +
                (kind.cell ? ", initial cell state" : "") + ", weights and, with the option input_gradient, x.";
    type.infer = [kind](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& x = in[0].shape;
        const int64_t units = in[2].shape[0];
        if (!absentOr(in[9], Shape{x[0], x[1], units}))
            return shapeError("the gradient of the states must be N×T×H");
        const TensorType state{Shape{x[0], units}, DType::F32};
        Types results{in[2], {recurrentBiasShape(kind, units), DType::F32}, state};
        if (kind.cell)
            results.push_back(state);
        if (!isProjected(in))
            results.push_back(in[1]);
        if (attributes.flag("input_gradient"))
            results.push_back(in[0]);
        return results;
    };
    type.flops = [kind](
                     std::span<const TensorType> in, std::span<const TensorType>, const Params& attributes) {
        const int64_t features = multipliedFeatures(in);
        const int64_t forX = attributes.flag("input_gradient") ? features : 0;
        return productFlops(kind, in, features + 2 * in[2].shape[0] + forX);
    };
    return type;
}

} // namespace gradloom::ir
