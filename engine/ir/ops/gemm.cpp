#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

ValueId product(Builder& b, ValueId x, ValueId y, bool transX, bool transY)
{
    return b.op("gemm", {x, y, noValue}, {{"trans_a", transX}, {"trans_b", transY}});
}

} // namespace

OpType gemm()
{
    OpType type;
    type.id = "gemm";
    type.help = "activation(A·B + bias): A is M×K (K×M with trans_a), B is K×N (N×K with trans_b), bias N or absent. "
                "A fourth operand (I32, one for each row of A as it is stored) says that these rows are zero from its "
                "first −1 on and can be left out.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& a = in[0].shape;
        const Shape& b = in[1].shape;
        if (a.rank() != 2 || b.rank() != 2)
            return shapeError("both operands must be matrices");
        const bool ta = attributes.flag("trans_a");
        const bool tb = attributes.flag("trans_b");
        if ((ta ? a[0] : a[1]) != (tb ? b[1] : b[0]))
            return shapeError("the inner extents differ");
        if (in.size() > 3 && !(in[3] == TensorType{Shape{a[0]}, DType::I32}))
            return shapeError("the list of rows must have one for each of A");
        return Types{{Shape{ta ? a[1] : a[0], tb ? b[0] : b[1]}, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        const bool ta = op.attributes.flag("trans_a");
        const bool tb = op.attributes.flag("trans_b");
        const ValueId dy = activationGradient(b, op, g[0]);
        std::vector<ValueId> result(op.inputs.size(), noValue);
        if (wanted[0])
            result[0] = ta ? product(b, op.inputs[1], dy, tb, true) : product(b, dy, op.inputs[1], false, !tb);
        if (wanted[1])
            result[1] = tb ? product(b, dy, op.inputs[0], true, ta) : product(b, op.inputs[0], dy, !ta, false);
        if (op.inputs.size() > 2 && wanted[2])
            result[2] = b.reduce("sum", dy, {0});
        return result;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType> out, const Params& attributes) {
        return 2 * out[0].shape.elements() * in[0].shape[attributes.flag("trans_a") ? 0 : 1];
    };
    return type;
}

} // namespace gradloom::ir
