#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType gather_gradient_rows()
{
    OpType type;
    type.id = "gather_gradient_rows";
    type.help =
        "gather_gradient without the rows that nothing adds to: with R the smaller of `rows` and the "
        "number of indices, values R×D and the rows of the table (I32, R) they belong to, each row once, "
        "in the order in which they occur; behind the last one zeros and −1.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& dy = in[0].shape;
        const int64_t count = in[1].shape.elements();
        if (dy.rank() < 1 || in[1].dtype != DType::I32 || dy.elements() != count * dy[-1])
            return shapeError("the gradient must have one row for each index");
        const int64_t rows = std::min(count, attributes.integer("rows"));
        return Types{{Shape{rows, dy[-1]}, DType::F32}, {Shape{rows}, DType::I32}};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
