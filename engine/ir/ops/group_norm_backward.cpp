#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

/// Emits what the second derivative needs over the groups of one group_norm_backward.
class GroupEmitter
{
public:
    GroupEmitter(Builder& builder, const Op& op)
        : m_b(builder), m_op(op), m_shape(builder.shape(op.inputs[0]))
    {
        const Shape statistics = builder.shape(op.inputs[2]);
        const int64_t size = m_shape[-1] / statistics[1];
        m_grouped = {statistics[0], m_shape.elements() / statistics[0] / m_shape[-1], statistics[1], size};
    }

    /// The mean over each group, in every element of it.
    ValueId mean(ValueId x)
    {
        const ValueId overChannels = m_b.reduce("mean", m_b.reshape(x, m_grouped), {3}, true);
        return everywhere(m_b.reduce("mean", overChannels, {1}, true));
    }
    /// A number a sample and group, in every element of it.
    ValueId spread(ValueId statistics)
    {
        return everywhere(m_b.reshape(statistics, Shape{m_grouped[0], 1, m_grouped[2], 1}));
    }
    /// dx for other gradients and another gamma.
    ValueId dx(ValueId gamma, ValueId dy)
    {
        return m_b.op("group_norm_backward", {m_op.inputs[0], gamma, m_op.inputs[2], m_op.inputs[3], dy},
            m_op.attributes);
    }

private:
    ValueId everywhere(ValueId x)
    {
        return m_b.reshape(m_b.op("broadcast", {x}, {{"shape", m_grouped.toVector()}}), m_shape);
    }

    Builder& m_b;
    const Op& m_op;
    Shape m_shape;
    Shape m_grouped;
};

/// With u = gamma·dy, n the normalised x, r = 1/√(variance+epsilon), g the gradient of dx = r·P(u), P(v) = v
/// − mean(v) − n·mean(n·v) and h = r·P(g): the gradient of x is −r·(n·mean(g·dx) + mean(n·g)·dx +
/// mean(n·u)·h), that of dy gamma·h, that of gamma Σ dy·h. Mean and r are functions of x here.
std::vector<ValueId> secondDerivative(Builder& b, const Op& op, ValueId g, const Wanted& wanted)
{
    const ValueId x = op.inputs[0];
    const ValueId gamma = op.inputs[1];
    const ValueId dy = op.inputs[4];
    const auto times = [&](ValueId v) { return gamma == noValue ? v : b.mul(v, gamma); };
    GroupEmitter groups(b, op);
    const ValueId h = groups.dx(noValue, g);
    std::vector<ValueId> result(5, noValue);
    if (wanted[0]) {
        const ValueId r = groups.spread(op.inputs[3]);
        const ValueId n = b.mul(b.sub(x, groups.spread(op.inputs[2])), r);
        ValueId sum = b.mul(n, groups.mean(b.mul(g, op.outputs[0])));
        sum = b.add(sum, b.mul(groups.mean(b.mul(n, g)), op.outputs[0]));
        sum = b.add(sum, b.mul(groups.mean(b.mul(n, times(dy))), h));
        result[0] = b.unary("neg", b.mul(r, sum));
    }
    if (wanted[1])
        result[1] = b.sumTo(b.mul(dy, h), b.shape(gamma));
    if (wanted[4])
        result[4] = times(h);
    return result;
}

} // namespace

OpType group_norm_backward()
{
    OpType type;
    type.id = "group_norm_backward";
    type.help = "Adjoint of group_norm: from x, gamma (or absent), mean, 1/√(variance+epsilon) and dy the "
                "gradients dx, dgamma, "
                "dbeta. Only dx is differentiated once more, for penalties on gradients.";
    type.inPlace = 4;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (!(in[0].shape == in[4].shape))
            return shapeError("x and its gradient differ in shape");
        const TensorType channels{Shape{in[0].shape[-1]}, DType::F32};
        return Types{in[0], channels, channels};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        if (g[1] != noValue || g[2] != noValue)
            throw NotDifferentiable(op);
        return secondDerivative(b, op, g[0], wanted);
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 12 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
