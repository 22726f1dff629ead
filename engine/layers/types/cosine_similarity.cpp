#include "engine/layers/loss_options.h"

namespace gradloom::layers {

namespace {

/// x divided by its length along the last dimension; a vector of zeros stays one.
ir::ValueId unitVectors(ir::Builder& b, ir::ValueId x)
{
    const auto squares = b.reduce("sum", b.unary("square", x), {b.shape(x).rank() - 1});
    const auto share = b.unary("rsqrt", b.unary("maximum_scalar", squares, 1e-16)); // PyTorch's 1e-8, squared
    return b.mul(x, spreadOver(b, share, x));
}

} // namespace

LayerType cosine_similarity()
{
    LayerType type = lossLayer("cosine_similarity", "Cosine similarity");
    type.help = "For vectors whose direction counts, not their length: 0 for the same direction, 2 for the "
                "opposite one.";
    type.formula = "L = 1 − x·t / (|x|·|t|) along the last dimension, mean over what comes before it";
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() == 0 || in[0].shape[-1] < 2)
            return Fault{"Cosine similarity needs vectors of at least two numbers but gets " +
                             batchShape(in[0].shape) + ".",
                {}};
        return numbersTarget("Cosine similarity", in);
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        ir::Builder& b = c.b;
        const auto target = floatTarget(c, c.target());
        const auto product = b.mul(unitVectors(b, c.in()), unitVectors(b, target));
        const auto cosine = meanOfSample(b, b.reduce("sum", product, {b.shape(product).rank() - 1}));
        c.addLoss(b.offset(b.unary("neg", cosine), 1), c.params.real("weight"));
        c.scores = c.in();
        c.probabilities = c.in();
        return {};
    };
    type.samples = {{{}, {{Shape{5}, DType::F32}, {Shape{5}, DType::F32}}},
        {{{"weight", 2.0}}, {{Shape{3, 4}, DType::F32}, {Shape{3, 4}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
