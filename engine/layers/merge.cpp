#include "engine/layers/merge.h"

namespace gradloom::layers {

std::optional<Fault> shapesDiffer(const std::string& title, std::span<const TensorType> in)
{
    for (const TensorType& other : in)
        if (!(other.shape == in[0].shape))
            return Fault{title + " needs inputs of one shape but gets " + batchShape(in[0].shape) + " and " +
                             batchShape(other.shape) +
                             ". Bring them to the same size first, for example with padding same.",
                {}};
    return std::nullopt;
}

LayerType mergeLayer(std::string id, std::string title, const std::string& fn, bool divide)
{
    LayerType type;
    type.id = std::move(id);
    type.title = title;
    type.category = "merge";
    type.inputs = {{"in", "tensors of one shape", false}};
    type.variadic = true;
    type.infer = [title](const Params&, std::span<const TensorType> in) -> Inferred {
        if (auto fault = shapesDiffer(title, in))
            return *std::move(fault);
        return in[0];
    };
    type.lower = [fn, divide](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::ValueId result = c.in();
        for (size_t i = 1; i < c.inputs.size(); ++i)
            result = c.b.binary(fn, result, c.inputs[i]);
        return {divide ? c.b.scale(result, 1.0 / static_cast<double>(c.inputs.size())) : result};
    };
    type.summary = [](const Params&) { return std::string(); };
    const TensorType map{Shape{3, 2, 4}, DType::F32};
    const TensorType one{Shape{1}, DType::F32};
    type.samples = {{{}, {map, map}}, {{}, {map, map, map}}, {{}, {one, one, one, one, one}}};
    return type;
}

} // namespace gradloom::layers
