#include "engine/layers/merge.h"

namespace gradloom::layers {

namespace {

ir::ValueId sumOfLast(ir::Builder& b, ir::ValueId x)
{
    return b.reduce("sum", x, {b.shape(x).rank() - 1}, true);
}

/// 1/√Σx², finite for a row of zeros.
ir::ValueId inverseLength(ir::Builder& b, ir::ValueId x)
{
    return b.unary("rsqrt", b.unary("maximum_scalar", sumOfLast(b, b.unary("square", x)), 1e-12));
}

} // namespace

LayerType dot()
{
    LayerType type;
    type.id = "dot";
    type.title = "Dot";
    type.category = "merge";
    type.help = "The scalar product of two inputs along the last dimension: how alike two vectors are.";
    type.formula = "y = Σ aᵢ · bᵢ; normalised y = Σ aᵢ · bᵢ / (‖a‖ · ‖b‖)";
    type.inputs = {{"a", "vectors"}, {"b", "vectors of the same shape"}};
    type.parameters = {switchParam("normalize", "Normalise", false,
        "Divides by the lengths of both vectors: the cosine of the angle between them, −1 to 1.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (auto fault = shapesDiffer("Dot", in))
            return *std::move(fault);
        if (in[0].shape.rank() < 1)
            return Fault{"Dot needs vectors but gets " + batchShape(in[0].shape) + ".", {}};
        Shape result = in[0].shape;
        result.setExtent(-1, 1);
        return result;
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const auto product = sumOfLast(c.b, c.b.mul(c.in(0), c.in(1)));
        if (!c.params.flag("normalize"))
            return {product};
        return {c.b.mul(product, c.b.mul(inverseLength(c.b, c.in(0)), inverseLength(c.b, c.in(1))))};
    };
    type.summary = [](const Params& p) { return p.flag("normalize") ? "cosine" : ""; };
    const auto map = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {map({5}), map({5})}}, {{{"normalize", true}}, {map({7}), map({7})}},
        {{{"normalize", true}}, {map({3, 4}), map({3, 4})}}, {{}, {map({2, 3, 1}), map({2, 3, 1})}}};
    return type;
}

} // namespace gradloom::layers
