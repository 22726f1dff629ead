#include "engine/layers/layer_options.h"

namespace gradloom::layers {

namespace {

Inferred inferEmbedding(const Params& p, std::span<const TensorType> in)
{
    const int64_t vocabulary = p.integer("vocabulary");
    const int64_t padding = p.integer("padding_index");
    if (padding >= vocabulary)
        return Fault{"Embedding knows the tokens 0 to " + std::to_string(vocabulary - 1) + ", so " +
                         std::to_string(padding) + " cannot be the padding. Use one of them, or −1 for none.",
            {{Repair::Kind::SetParameter, "Use padding token 0", {}, {}, 0, "padding_index", int64_t{0}}}};
    auto extents = in[0].shape.toVector();
    extents.push_back(p.integer("size"));
    auto shape = Shape::checked(extents);
    if (!shape)
        return Fault{"Embedding: " + shape.error().message, {}};
    return std::vector<TensorType>{{*shape, DType::F32}, {in[0].shape, DType::F32}};
}

} // namespace

LayerType embedding()
{
    LayerType type;
    type.id = "embedding";
    type.title = "Embedding";
    type.category = "attention";
    type.help = "A learned vector for every token, so that words become numbers. A token outside the "
                "vocabulary gets zeros.";
    type.formula = "y(t) = w(token(t))";
    type.inputs = {{"tokens", "whole numbers from 0 to vocabulary − 1", false, Takes::Tokens}};
    type.outputs = {
        {"out", "a vector for each token", false}, {"mask", "1 for each real token, 0 for padding", false}};
    type.parameters = {
        integerParam("vocabulary", "Vocabulary", 10000, 1, 10000000, "Number of different tokens."),
        integerParam("size", "Size", 128, 1, 65536, "Length of the vector of a token."),
        integerParam("padding_index", "Padding token", 0, -1, 10000000,
            "The token that fills up short texts: its vector stays zero and the mask is 0 there. −1: there "
            "is none."),
        realParam("init_range", "Initial range", 0.05, 0, 10,
            "The vectors start as random numbers between −r and r."),
        switchParam("sparse", "Sparse update", false,
            "At each step only the vectors of tokens that occur in the batch are updated, which is much "
            "faster for a "
            "large vocabulary. The same result for SGD without momentum; with a method that remembers (Adam, "
            "momentum) "
            "the memory of a vector stands still until its token occurs again, as in PyTorch's SparseAdam. "
            "With gradient "
            "accumulation, averaged weights or several devices all vectors are updated."),
        switchParam("frozen", "Freeze weights", false, "Leaves the vectors as they are during training.")};
    type.infer = inferEmbedding;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape shape{c.params.integer("vocabulary"), c.params.integer("size")};
        ir::Initializer initializer{"uniform"};
        initializer.scale = c.params.real("init_range");
        const auto table = c.weight("weight", shape, initializer);
        Params attributes{{"padding", c.params.integer("padding_index")}};
        if (c.params.flag("sparse"))
            attributes.set("sparse", true);
        return c.b.ops("gather", {table, c.in()}, attributes);
    };
    type.summary = [](const Params& p) {
        return std::to_string(p.integer("vocabulary")) + " × " + std::to_string(p.integer("size"));
    };
    const auto options = [](int64_t vocabulary, int64_t size, int64_t padding) {
        return Params{{"vocabulary", vocabulary}, {"size", size}, {"padding_index", padding}};
    };
    const auto tokens = [](Shape s) { return std::vector<TensorType>{{s, DType::I32}}; };
    type.samples = {{options(9, 6, 0), tokens({9})}, {options(5, 3, -1), tokens({4})},
        {options(3, 17, 1), tokens({7})}, {options(2, 3, -1), tokens({})}};
    return type;
}

} // namespace gradloom::layers
