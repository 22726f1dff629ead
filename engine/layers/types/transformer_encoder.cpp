#include "engine/layers/attention_layer.h"
#include "engine/layers/norm_layer.h"

namespace gradloom::layers {

namespace {

/// Lowers the stack of blocks.
class TransformerLowering
{
public:
    explicit TransformerLowering(LowerContext& context)
        : m_c(context), m_pre(context.params.text("norm") == "pre")
    {
    }

    ir::ValueId run()
    {
        ir::ValueId x = m_c.in();
        for (int64_t block = 1; block <= m_c.params.integer("blocks"); ++block) {
            m_prefix = "block" + std::to_string(block) + "_";
            x = addTo(x, "norm1_", [this](ir::ValueId in) { return attention(in); });
            x = addTo(x, "norm2_", [this](ir::ValueId in) { return feedForward(in); });
        }
        m_prefix.clear();
        return m_pre ? normalised(x, "norm_") : x;
    }

private:
    /// One part with its residual connection and normalisation.
    template <class Part>
    ir::ValueId addTo(ir::ValueId x, const std::string& norm, const Part& part)
    {
        const ir::ValueId result = part(m_pre ? normalised(x, norm) : x);
        const ir::ValueId sum = m_c.b.add(x, dropped(m_c, result, m_c.params.real("dropout"), m_streams++));
        return m_pre ? sum : normalised(sum, norm);
    }

    ir::ValueId normalised(ir::ValueId x, const std::string& name)
    {
        return normalise(m_c, x, {m_prefix + name, 2, 1, m_c.params.real("epsilon"), true, true});
    }

    ir::ValueId attention(ir::ValueId x)
    {
        const int64_t features = m_c.b.shape(x)[2];
        AttentionOptions options;
        options.prefix = m_prefix;
        options.heads = m_c.params.integer("heads");
        options.headSize = features / options.heads;
        options.causal = m_c.params.flag("causal");
        options.dropout = m_c.params.real("dropout");
        options.stream = m_streams++;
        return project(m_c, attend(m_c, x, x, m_c.in(1), options), m_prefix + "output", features);
    }

    ir::ValueId feedForward(ir::ValueId x)
    {
        const int64_t features = m_c.b.shape(x)[2];
        const auto hidden = project(
            m_c, x, m_prefix + "feed1", m_c.params.integer("feed_forward"), m_c.params.text("activation"));
        return project(m_c, hidden, m_prefix + "feed2", features);
    }

    LowerContext& m_c;
    bool m_pre;
    std::string m_prefix;
    int64_t m_streams = 0;
};

std::vector<ParamSpec> transformerParams()
{
    std::vector<ParamSpec> specs{integerParam("blocks", "Blocks", 1, 1, 64,
                                     "How often the block follows itself, each time with "
                                     "weights of its own."),
        integerParam("heads", "Heads", 4, 1, 256, "Number of ways in which a step looks at the others."),
        integerParam("feed_forward", "Feed-forward", 512, 1, 65536,
            "Units of the two-layer network behind the attention."),
        choiceParam("activation", "Activation", "relu", {{"relu", "ReLU"}, {"gelu", "GELU"}},
            "Between the two layers of the feed-forward network."),
        choiceParam("norm", "Normalisation", "post", {{"post", "post"}, {"pre", "pre"}},
            "post: after each part and its residual connection, as in "
            "the original. pre: before each part and once at the end; "
            "deep stacks learn more easily so."),
        realParam("dropout", "Dropout", 0.1, 0, 0.99,
            "Share of the attention and of each part's result that is "
            "dropped in training."),
        switchParam("causal", "Causal", false,
            "A step sees only itself and the steps before it, for "
            "predicting what comes next."),
        realParam("epsilon", "Epsilon", 1e-5, 1e-9, 1, "Keeps the division of the normalisation from zero.")};
    for (auto& spec : weightParamsWithout({"activation", "use_bias"}))
        specs.push_back(spec);
    return specs;
}

} // namespace

LayerType transformer_encoder()
{
    LayerType type;
    type.id = "transformer_encoder";
    type.title = "TransformerEncoder";
    type.category = "attention";
    type.help = "Multi-head attention and a small dense network for every step, "
                "each with a residual connection and LayerNorm.";
    type.formula = "z = LayerNorm(x + Attention(x)), y = LayerNorm(z + W₂·f(W₁·z "
                   "+ b₁) + b₂)";
    type.inputs = maskedSequencePorts();
    type.parameters = transformerParams();
    type.infer = [title = type.title](const Params& p, std::span<const TensorType> in) -> Inferred {
        if (auto fault = sequenceFault(title, in[0]))
            return *fault;
        if (auto fault = maskFault(title, typeAt(in, 1), in[0].shape[0]))
            return *fault;
        if (auto fault = headsFault(title, in[0].shape[1], p.integer("heads")))
            return *fault;
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> { return {TransformerLowering(c).run()}; };
    type.summary = [](const Params& p) {
        const int64_t blocks = p.integer("blocks");
        return joined({blocks > 1 ? std::to_string(blocks) + " blocks" : "",
            std::to_string(p.integer("heads")) + " heads", std::to_string(p.integer("feed_forward"))});
    };
    const auto f = [](Shape s) { return TensorType{s, DType::F32}; };
    const auto options = [](int64_t heads, int64_t units, int64_t blocks, const char* norm) {
        return Params{{"heads", heads}, {"feed_forward", units}, {"blocks", blocks},
            {"norm", std::string(norm)}, {"dropout", 0.0}};
    };
    Params gelu = options(1, 3, 1, "post");
    gelu.set("activation", std::string("gelu"));
    gelu.set("causal", true);
    Params random = options(2, 5, 1, "pre");
    random.set("dropout", 0.2);
    random.set("l2", 0.01);
    type.samples = {{options(2, 7, 1, "post"), {f({4, 6})}}, {options(3, 5, 2, "pre"), {f({5, 6}), f({5})}},
        {gelu, {f({3, 5})}}, {random, {f({3, 4}), f({3})}}};
    return type;
}

} // namespace gradloom::layers
