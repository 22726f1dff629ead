#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType sinusoid()
{
    OpType type;
    type.id = "sinusoid";
    type.help = "A constant table of `steps` rows and `size` columns that tells "
                "positions apart: sin(t / 10000^(2i/size)) in "
                "column 2i and the cosine of the same angle in column 2i+1. "
                "Vaswani et al. 2017, section 3.5.";
    type.infer = [](std::span<const TensorType>, const Params& attributes) -> Result<Types> {
        return Types{{Shape{attributes.integer("steps"), attributes.integer("size")}, DType::F32}};
    };
    type.flops = [](std::span<const TensorType>, std::span<const TensorType>, const Params&) {
        return int64_t{0};
    };
    return type;
}

} // namespace gradloom::ir
