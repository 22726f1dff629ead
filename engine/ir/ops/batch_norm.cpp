#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType batch_norm()
{
    OpType type;
    type.id = "batch_norm";
    type.help = "activation(gamma·(x−mean)/√(variance+epsilon) + beta) over all dimensions but the last, with the mean and the "
                "biased variance of this batch, which are the second and third result (for running statistics: no gradient goes through them), "
                "unless whoever made x has taken them and they are the fourth and fifth operand (once the gradients are there). "
                "Ioffe and Szegedy 2015.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        const Shape channels{in[0].shape[-1]};
        if (in[0].shape.rank() < 2 || !(in[1].shape == channels) || !(in[2].shape == channels))
            return shapeError("gamma and beta must have one element for each channel");
        if (in.size() > 3)
            return Types{in[0]};
        return Types{in[0], {channels, DType::F32}, {channels, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        // Beta only where an activation was applied, to tell where it let something pass.
        const bool masked = op.attributes.textOr("activation", "none") != "none";
        const auto results = b.ops("batch_norm_backward",
            {op.inputs[0], op.inputs[1], op.outputs[1], op.outputs[2], g[0], masked ? op.inputs[2] : noValue},
            op.attributes);
        return results;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 7 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
