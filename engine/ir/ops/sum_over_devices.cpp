#include "engine/ir/op_rules.h"

namespace gradloom::ir {

/// What is differentiated is then the sum of what the devices make, to which each one's x adds through the results of
/// all of them: the adjoint is the same sum.
OpType sum_over_devices()
{
    OpType type;
    type.id = "sum_over_devices";
    type.help = "x added up, element by element, over the devices that share the step; x itself where one device does it "
                "alone. Who runs the step adds up between its parts.";
    type.elementwise = true;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].dtype != DType::F32)
            return shapeError("devices add up float32 only");
        return Types{in[0]};
    };
    type.adjoint = [](Builder& b, const Op&, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return {b.op("sum_over_devices", {g[0]})};
    };
    return type;
}

} // namespace gradloom::ir
