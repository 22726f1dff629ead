#include "engine/layers/merge.h"

namespace gradloom::layers {

LayerType subtract()
{
    LayerType type;
    type.id = "subtract";
    type.title = "Subtract";
    type.category = "merge";
    type.help = "Takes the second input from the first, number by number.";
    type.formula = "y = a − b";
    type.inputs = {{"a", "what is taken from"}, {"b", "what is taken away"}};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (auto fault = shapesDiffer("Subtract", in))
            return *std::move(fault);
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> { return {c.b.sub(c.in(0), c.in(1))}; };
    type.summary = [](const Params&) { return std::string(); };
    const auto map = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {map({3, 2, 4}), map({3, 2, 4})}}, {{}, {map({1}), map({1})}}};
    return type;
}

} // namespace gradloom::layers
