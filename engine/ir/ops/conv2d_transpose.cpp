#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType conv2d_transpose()
{
    OpType type;
    type.id = "conv2d_transpose";
    type.help = "activation(adjoint of conv2d + bias): x is N×OH×OW×K, w is kh×kw×C/groups×K as for the convolution whose "
                "adjoint this is, the result N×`output`×C.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Window window(attributes);
        const Shape& x = in[0].shape;
        const Shape& w = in[1].shape;
        const auto& output = attributes.list("output");
        if (x.rank() != 4 || w.rank() != 4 || x[3] != w[3] || output.size() != 2)
            return shapeError("the weights do not fit the input");
        if (window.outputExtent(0, output[0], w[0]) != x[1] || window.outputExtent(1, output[1], w[1]) != x[2])
            return shapeError("`output` is not the input extent of a convolution with this result");
        return Types{{Shape{x[0], output[0], output[1], w[2] * window.groups}, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        const ValueId dy = activationGradient(b, op, g[0]);
        const Shape& w = b.shape(op.inputs[1]);
        Params attributes = withoutActivation(op);
        attributes.erase("output");
        std::vector<ValueId> result(op.inputs.size(), noValue);
        if (wanted[0])
            result[0] = b.op("conv2d", {dy, op.inputs[1], noValue}, attributes);
        if (wanted[1]) {
            Params weights = attributes;
            weights.set("kernel", std::vector<int64_t>{w[0], w[1]});
            result[1] = b.op("conv2d_weights_gradient", {dy, op.inputs[0]}, weights);
        }
        if (op.inputs.size() > 2 && wanted[2])
            result[2] = b.reduce("sum", dy, {0, 1, 2});
        return result;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        const Shape& w = in[1].shape;
        return 2 * in[0].shape.elements() * w[0] * w[1] * w[2];
    };
    return type;
}

} // namespace gradloom::ir
