#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

Result<Types> inferAttention(std::span<const TensorType> in, const Params& attributes)
{
    const Shape& q = in[0].shape;
    const Shape& k = in[1].shape;
    const Shape& v = in[2].shape;
    const int64_t heads = attributes.integer("heads");
    if (q.rank() != 3 || k.rank() != 3 || v.rank() != 3 || k[0] != q[0] || v[0] != q[0] || k[1] != v[1] ||
        q[2] != k[2])
        return shapeError("q must be N×Tq×D, k N×Tk×D and v N×Tk×Dv");
    if (heads < 1 || q[2] % heads != 0 || v[2] % heads != 0)
        return shapeError("the heads must divide D and Dv");
    if (in[3].shape.rank() != 0 && !(in[3].shape == Shape{q[0], k[1]}))
        return shapeError("the mask must be N×Tk");
    const double rate = attributes.real("rate");
    if (rate < 0 || rate >= 1 || (rate > 0 && (in[4].dtype != DType::I32 || in[4].shape.elements() != 4)))
        return shapeError("dropout needs a rate of at least 0 and below 1 and four "
                          "integers as its counter");
    return Types{{Shape{q[0], q[1], v[2]}, DType::F32}, {Shape{q[0], heads, q[1]}, DType::F32}};
}

} // namespace

OpType attention()
{
    OpType type;
    type.id = "attention";
    type.help = "softmax(scale·Q·Kᵀ)·V for each of `heads` equal parts of the "
                "last dimension: q N×Tq×D, k N×Tk×D, v N×Tk×Dv. Keys "
                "whose mask (N×Tk, may be absent) is not above 0.5, and with "
                "`causal` keys behind the query, do not count; a query "
                "without keys gets zeros. With `rate` above 0 the probabilities "
                "go through dropout (counter and stream as in "
                "dropout). The second result, N×heads×Tq, is the logarithm of "
                "the softmax's denominator: no gradient goes through "
                "it. Vaswani et al. 2017.";
    type.infer = inferAttention;
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        auto operands = op.inputs;
        operands.insert(operands.end(), {op.outputs[0], op.outputs[1], g[0]});
        auto gradients = b.ops("attention_backward", operands, op.attributes);
        gradients.resize(op.inputs.size(), noValue);
        return gradients;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 2 * in[0].shape[0] * in[0].shape[1] * in[1].shape[1] * (in[1].shape[2] + in[2].shape[2]);
    };
    return type;
}

} // namespace gradloom::ir
