#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

bool isChannels(const TensorType& operand, int64_t channels)
{
    return operand.shape.rank() == 0 || operand.shape == Shape{channels};
}

} // namespace

OpType group_norm()
{
    OpType type;
    type.id = "group_norm";
    type.help = "gamma·(x−mean)/√(variance+epsilon) + beta with mean and biased "
                "variance over the dimensions from `axis` on, for "
                "each of `groups` equal parts of the last one; gamma and beta "
                "(one number a channel) may be absent. The second and "
                "third result are mean and 1/√(variance+epsilon), "
                "samples×groups: no gradient goes through them. One group over "
                "the last dimension alone is layer normalisation (Ba et al. "
                "2016), as many groups as channels over all but the "
                "batch is instance normalisation (Ulyanov et al. 2016), between "
                "them group normalisation (Wu and He 2018).";
    type.inPlace = 0;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& x = in[0].shape;
        const int64_t axis = attributes.integer("axis");
        const int64_t groups = attributes.integer("groups");
        if (x.rank() < 2 || axis < 1 || axis >= x.rank())
            return shapeError("the axis must lie between the batch and the last dimension");
        if (groups < 1 || x[-1] % groups != 0)
            return shapeError("the groups must divide the channels");
        if (!isChannels(in[1], x[-1]) || !isChannels(in[2], x[-1]))
            return shapeError("gamma and beta must have one element for each channel");
        int64_t rows = 1;
        for (int i = 0; i < axis; ++i)
            rows *= x[i];
        const TensorType statistics{Shape{rows, groups}, DType::F32};
        return Types{in[0], statistics, statistics};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return b.ops("group_norm_backward", {op.inputs[0], op.inputs[1], op.outputs[1], op.outputs[2], g[0]},
            op.attributes);
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 7 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
