#include "engine/layers/attention_layer.h"

namespace gradloom::layers {

LayerType self_attention()
{
    LayerType type;
    type.id = "self_attention";
    type.title = "SelfAttention";
    type.category = "attention";
    type.help = "Every step looks at all steps and takes a mixture of their "
                "values; how much of each, its query and their keys "
                "decide. One head of scaled dot products.";
    type.formula = "y = softmax(Q·Kᵀ / √d)·V with Q = x·Wq, K = x·Wk, V = x·Wv";
    type.inputs = maskedSequencePorts();
    type.parameters = {integerParam("size", "Size", 0, 0, 65536,
                           "d: numbers in a query, key and value. 0: as many as there "
                           "are features."),
        switchParam("causal", "Causal", false,
            "A step sees only itself and the steps before it, for "
            "predicting what comes next."),
        realParam("dropout", "Dropout", 0, 0, 0.99, "Share of the attention that is dropped in training.")};
    for (auto& spec : weightParamsWithout({"activation"}))
        type.parameters.push_back(spec);
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        if (auto fault = sequenceFault("SelfAttention", in[0]))
            return *fault;
        const Shape& x = in[0].shape;
        if (auto fault = maskFault("SelfAttention", typeAt(in, 1), x[0]))
            return *fault;
        return Shape{x[0], p.integer("size") > 0 ? p.integer("size") : x[1]};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        AttentionOptions options;
        options.headSize = c.outputTypes[0].shape[1];
        options.causal = c.params.flag("causal");
        options.dropout = c.params.real("dropout");
        return {attend(c, c.in(), c.in(), c.in(1), options)};
    };
    type.summary = [](const Params& p) {
        return joined({p.integer("size") > 0 ? std::to_string(p.integer("size")) : "",
            p.flag("causal") ? "causal" : ""});
    };
    const auto f = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {f({5, 4})}}, {{{"size", int64_t{3}}, {"use_bias", false}}, {f({4, 2}), f({4})}},
        {{{"causal", true}}, {f({7, 3})}}, {{{"l2", 0.02}}, {f({1, 2})}},
        {{{"dropout", 0.3}}, {f({6, 5}), f({6})}}};
    return type;
}

} // namespace gradloom::layers
