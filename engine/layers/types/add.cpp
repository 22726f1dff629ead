#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType add()
{
    LayerType type;
    type.id = "add";
    type.title = "Add";
    type.category = "merge";
    type.help = "Adds its inputs number by number: the shortcut of a residual network.";
    type.formula = "y = x₁ + x₂ + …";
    type.inputs = {{"in", "tensors of one shape", false}};
    type.variadic = true;
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        for (const TensorType& other : in)
            if (!(other.shape == in[0].shape))
                return Fault{"Add needs inputs of one shape but gets " + batchShape(in[0].shape) + " and " +
                        batchShape(other.shape) + ". Bring them to the same size first, for example with padding same.",
                    {}};
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::ValueId sum = c.in();
        for (size_t i = 1; i < c.inputs.size(); ++i)
            sum = c.b.add(sum, c.inputs[i]);
        return {sum};
    };
    type.summary = [](const Params&) { return std::string(); };
    const TensorType map{Shape{3, 2, 4}, DType::F32};
    type.samples = {{{}, {map, map}}, {{}, {map, map, map}}};
    return type;
}

} // namespace gradloom::layers
