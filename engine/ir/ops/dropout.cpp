#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType dropout()
{
    OpType type;
    type.id = "dropout";
    type.help = "x·mask/(1−rate), the mask zero with probability `rate`. The mask is a function of the counter (four "
                "32-bit numbers: seed low, seed high, step, 0), `stream` and the element (from the `places` on that "
                "belong to a share of a batch), so the adjoint is the same operation on dy. "
                "Srivastava et al. 2014.";
    type.inPlace = 0;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        if (in[1].dtype != DType::I32 || in[1].shape.elements() != 4)
            return shapeError("the counter must be four integers");
        if (attributes.real("rate") < 0 || attributes.real("rate") >= 1)
            return shapeError("the rate must be at least 0 and below 1");
        return Types{in[0]};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return {b.op("dropout", {g[0], op.inputs[1]}, op.attributes), noValue};
    };
    return type;
}

} // namespace gradloom::ir
