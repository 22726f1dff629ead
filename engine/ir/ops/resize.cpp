#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType resize()
{
    OpType type;
    type.id = "resize";
    type.help = "x (N×H×W×C) at the height and width `output`; `mode` is nearest or bilinear. Pixels are "
                "squares, so that the "
                "centre of pixel i lies at i + ½ (PyTorch's align_corners=False, Keras' rule too); beyond "
                "the outermost "
                "centres the edge repeats.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& x = in[0].shape;
        const auto& output = attributes.list("output");
        const std::string& mode = attributes.text("mode");
        if (x.rank() != 4 || output.size() != 2 || output[0] < 1 || output[1] < 1)
            return shapeError("the input must be N×H×W×C and `output` a height and a width");
        if (mode != "nearest" && mode != "bilinear")
            return shapeError("there is no way to resize called \"" + mode + "\"");
        return Types{{Shape{x[0], output[0], output[1], x[3]}, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape x = b.shape(op.inputs[0]);
        Params attributes = op.attributes;
        attributes.set("output", std::vector<int64_t>{x[1], x[2]});
        return {b.op("resize_backward", {g[0]}, attributes)};
    };
    type.flops = [](std::span<const TensorType>, std::span<const TensorType> out, const Params& attributes) {
        return out[0].shape.elements() * (attributes.text("mode") == "bilinear" ? 6 : 1);
    };
    return type;
}

} // namespace gradloom::ir
