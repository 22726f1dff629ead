#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType random_fill()
{
    OpType type;
    type.id = "random_fill";
    type.help = "Random numbers of `shape`; `kind` is normal (mean 0, deviation 1) or uniform (0 up to, not "
                "including, 1). "
                "They are a function of the counter (four 32-bit numbers: seed low, seed high, step, 0), "
                "`stream` and the "
                "element (from the `places` on that belong to a share of a batch), whatever the number of "
                "threads. Salmon et al. 2011; Box and Muller 1958.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        if (in[0].dtype != DType::I32 || in[0].shape.elements() != 4)
            return shapeError("the counter must be four integers");
        const std::string& kind = attributes.text("kind");
        if (kind != "normal" && kind != "uniform")
            return shapeError("there are no random numbers of the kind \"" + kind + "\"");
        return Types{{Shape(attributes.list("shape")), DType::F32}};
    };
    return type;
}

} // namespace gradloom::ir
