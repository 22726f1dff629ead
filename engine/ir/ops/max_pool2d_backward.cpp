#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType max_pool2d_backward()
{
    OpType type;
    type.id = "max_pool2d_backward";
    type.help = "Adjoint of max_pool2d: dy and the winners' indices give dx (N×`output`×C). With the optional pooled result y, "
                "gradients where y is not above zero are dropped (the mask of a ReLU before the pooling).";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& dy = in[0].shape;
        const auto& output = attributes.list("output");
        if (dy.rank() != 4 || !(in[1].shape == dy))
            return shapeError("gradient and indices must have the same shape N×OH×OW×C");
        return Types{{Shape{dy[0], output[0], output[1], dy[3]}, DType::F32}};
    };
    return type;
}

} // namespace gradloom::ir
