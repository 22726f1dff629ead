#include "engine/layers/attention_layer.h"

namespace gradloom::layers {

namespace {

constexpr const char* multiHeadTitle = "MultiHeadAttention";

Inferred inferMultiHead(const Params& p, std::span<const TensorType> in)
{
    if (auto fault = sequenceFault(multiHeadTitle, in[0]))
        return *fault;
    const Shape& x = in[0].shape;
    const TensorType context = typeAt(in, 1);
    if (context != unconnected && context.shape.rank() != 2)
        return Fault{std::string(multiHeadTitle) +
                         " needs a sequence (N, steps, features) as its context but gets " +
                         batchShape(context.shape) + ".",
            {}};
    const int64_t keys = context == unconnected ? x[0] : context.shape[0];
    if (auto fault = maskFault(multiHeadTitle, typeAt(in, 2), keys))
        return *fault;
    if (p.flag("causal") && keys != x[0])
        return Fault{std::string(multiHeadTitle) + " cannot be causal between sequences of " +
                         std::to_string(x[0]) + " and " + std::to_string(keys) + " steps. Turn Causal off.",
            {{Repair::Kind::SetParameter, "Turn Causal off", {}, {}, 0, "causal", false}}};
    if (p.integer("head_size") == 0)
        if (auto fault = headsFault(multiHeadTitle, x[1], p.integer("heads")))
            return *fault;
    return in[0];
}

} // namespace

LayerType multi_head_attention()
{
    LayerType type;
    type.id = "multi_head_attention";
    type.title = multiHeadTitle;
    type.category = "attention";
    type.help = "Every step looks at all steps, in several ways at once, and "
                "takes a mixture of their values. With a context it "
                "looks at that sequence instead (cross-attention).";
    type.formula = "y = [head₁, …, headₕ]·Wo with headᵢ = softmax(Qᵢ·Kᵢᵀ / √d)·Vᵢ";
    type.inputs = {{"in", "the sequence (steps, features) that asks", false},
        {"context", "the sequence that is looked at; `in` itself where nothing is connected", true},
        {"mask", "1 for real steps of the sequence that is looked at, 0 for padding", true}};
    type.parameters = {
        integerParam("heads", "Heads", 4, 1, 256, "Number of ways to look, each with weights of its own."),
        integerParam("head_size", "Head size", 0, 0, 4096,
            "d: numbers in a query, key and value of one head. 0: the "
            "features divided by the heads."),
        switchParam("causal", "Causal", false,
            "A step sees only itself and the steps before it, for "
            "predicting what comes next."),
        realParam("dropout", "Dropout", 0, 0, 0.99, "Share of the attention that is dropped in training.")};
    for (auto& spec : weightParamsWithout({"activation"}))
        type.parameters.push_back(spec);
    type.infer = inferMultiHead;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const int64_t features = c.b.shape(c.in())[2];
        AttentionOptions options;
        options.heads = c.params.integer("heads");
        options.headSize =
            c.params.integer("head_size") > 0 ? c.params.integer("head_size") : features / options.heads;
        options.causal = c.params.flag("causal");
        options.dropout = c.params.real("dropout");
        const auto context = c.in(1) == ir::noValue ? c.in() : c.in(1);
        return {project(c, attend(c, c.in(), context, c.in(2), options), "output", features)};
    };
    type.summary = [](const Params& p) {
        const int64_t heads = p.integer("heads");
        return joined(
            {std::to_string(heads) + (heads == 1 ? " head" : " heads"), p.flag("causal") ? "causal" : ""});
    };
    const auto f = [](Shape s) { return TensorType{s, DType::F32}; };
    const auto options = [](int64_t heads, int64_t size) {
        return Params{{"heads", heads}, {"head_size", size}};
    };
    type.samples = {{options(2, 0), {f({5, 6})}}, {options(3, 5), {f({4, 2}), f({7, 3}), f({7})}},
        {{{"heads", int64_t{4}}, {"causal", true}, {"use_bias", false}}, {f({6, 8})}},
        {options(1, 0), {f({1, 3}), unconnected, f({1})}},
        {{{"heads", int64_t{2}}, {"dropout", 0.25}, {"l2", 0.01}}, {f({3, 4})}}};
    return type;
}

} // namespace gradloom::layers
