#include "engine/ir/op_rules.h"

namespace gradloom::ir {

namespace {

bool isReduced(const std::vector<int64_t>& axes, int axis)
{
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

Shape reducedShape(const Shape& shape, const std::vector<int64_t>& axes, bool keepDims)
{
    std::vector<int64_t> extents;
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (!isReduced(axes, axis))
            extents.push_back(shape[axis]);
        else if (keepDims)
            extents.push_back(1);
    }
    return Shape(extents);
}

} // namespace

OpType reduce()
{
    OpType type;
    type.id = "reduce";
    type.help = "fn (sum, mean or max) over `axes`, which are neighbours; keep_dims leaves extents of one.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto& axes = attributes.list("axes");
        for (size_t i = 0; i < axes.size(); ++i)
            if (axes[i] < 0 || axes[i] >= in[0].shape.rank() || (i > 0 && axes[i] != axes[i - 1] + 1))
                return shapeError("the axes of a reduction must be neighbours within the shape");
        return Types{{reducedShape(in[0].shape, axes, attributes.flag("keep_dims")), DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape& shape = b.shape(op.inputs[0]);
        const auto& axes = op.attributes.list("axes");
        const std::string& fn = op.attributes.text("fn");
        const Shape kept = reducedShape(shape, axes, true);
        const auto spread = [&](ValueId x) {
            return b.op("broadcast", {b.reshape(x, kept)}, {{"shape", shape.toVector()}});
        };
        if (fn == "sum")
            return {spread(g[0])};
        if (fn == "mean") {
            const double count = static_cast<double>(shape.elements()) / static_cast<double>(kept.elements());
            return {spread(b.scale(g[0], 1.0 / count))};
        }
        // Every element that equals the maximum gets the gradient.
        const ValueId hit = b.binary("equal", op.inputs[0], spread(op.outputs[0]));
        return {b.mul(hit, spread(g[0]))};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
