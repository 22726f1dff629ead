#include "layer_harness.h"

#include <gtest/gtest.h>

#include <algorithm>

/// What the attention layers promise beyond gradients and PyTorch's numbers: padding and the future do not
/// count, and what cannot work is said with a repair.
namespace gradloom::tests {
namespace {

using layers::LayerType;
using layers::Repair;

const LayerType& layer(const char* id)
{
    return *layers::layerTypes().find(id);
}

TensorType floats(Shape shape)
{
    return {shape, DType::F32};
}

layers::Inferred inferred(const LayerType& type, const Params& given, const std::vector<TensorType>& inputs)
{
    std::vector<TensorType> all = inputs;
    all.resize(std::max(all.size(), type.inputs.size()));
    return type.infer(completeParams(type.parameters, given, type.id).value(), all);
}

struct FaultCase
{
    const char* layer;
    Params params;
    std::vector<TensorType> inputs;
    std::string message; ///< part of it
    bool set = true;     ///< the first repair sets an option; otherwise it inserts a layer
};

TEST(AttentionLayers, FaultsSayWhatIsWrongAndMendIt)
{
    const std::vector<FaultCase> cases{
        {"multi_head_attention", {{"heads", int64_t{4}}}, {floats({5, 10})},
            "MultiHeadAttention cannot divide 10 features among 4 heads. Use 2."},
        {"transformer_encoder", {{"heads", int64_t{8}}}, {floats({5, 7})},
            "7 features among 8 heads. Use 7."},
        {"multi_head_attention", {{"causal", true}}, {floats({5, 8}), floats({6, 8})},
            "cannot be causal between sequences of 5 and 6 steps"},
        {"group_norm", {{"groups", int64_t{8}}}, {floats({4, 4, 12})},
            "GroupNorm cannot divide 12 channels into 8 groups of equal size. Use 4."},
        {"embedding", {{"vocabulary", int64_t{10}}, {"padding_index", int64_t{10}}}, {{Shape{5}, DType::I32}},
            "Embedding knows the tokens 0 to 9, so 10 cannot be the padding"},
        {"input", {{"kind", std::string("tokens")}, {"shape", std::vector<int64_t>{2, 3}}}, {},
            "one row of tokens but its shape is 2×3"},
        {"self_attention", {}, {floats({6})}, "needs a sequence (N, steps, features) but gets (N, 6)", false},
        {"transformer_encoder", {}, {floats({4, 4, 3})}, "but gets (N, 4, 4, 3)", false},
        {"global_avg_pool1d", {}, {floats({4, 4, 3})}, "GlobalAvgPool1D needs a sequence", false},
        {"positional_encoding", {}, {floats({4})}, "PositionalEncoding needs a sequence", false},
    };
    for (const FaultCase& c : cases) {
        SCOPED_TRACE(c.message);
        const LayerType& type = layer(c.layer);
        const auto result = inferred(type, c.params, c.inputs);
        ASSERT_TRUE(result.fault) << c.layer;
        EXPECT_NE(result.fault->message.find(c.message), std::string::npos) << result.fault->message;
        ASSERT_FALSE(result.fault->repairs.empty());
        const Repair& repair = result.fault->repairs[0];
        ASSERT_EQ(repair.kind == Repair::Kind::SetParameter, c.set);
        if (c.set) {
            Params mended = c.params;
            mended.set(repair.key, repair.value);
            EXPECT_FALSE(inferred(type, mended, c.inputs).fault);
        } else {
            const auto inserted = inferred(layer(repair.layer.c_str()), repair.params, {c.inputs[0]});
            ASSERT_FALSE(inserted.fault);
            Params mended = c.params;
            if (type.id == "transformer_encoder")
                mended.set("heads", int64_t{1}); // the features are another matter
            EXPECT_FALSE(inferred(type, mended, {inserted.outputs[0]}).fault);
        }
    }
}

TEST(AttentionLayers, MasksOfAnotherLengthAreRefused)
{
    for (const char* id : {"self_attention", "transformer_encoder", "global_avg_pool1d"}) {
        const auto result = inferred(layer(id), {}, {floats({5, 8}), floats({6})});
        ASSERT_TRUE(result.fault) << id;
        EXPECT_NE(result.fault->message.find("needs a mask (N, 5), one number a step, but gets (N, 6)"),
            std::string::npos)
            << result.fault->message;
    }
    const auto cross =
        inferred(layer("multi_head_attention"), {}, {floats({5, 8}), floats({6, 3}), floats({5})});
    ASSERT_TRUE(cross.fault);
    EXPECT_NE(cross.fault->message.find("(N, 6)"), std::string::npos) << cross.fault->message;
}

constexpr int64_t maskedSteps = 6;
constexpr int64_t maskedFeatures = 4;

/// The result with the features of the steps from `first` on replaced by others.
Tensor resultWith(LayerHarness& harness, int64_t first, float value)
{
    Tensor x = harness.get(harness.inputs()[0]);
    const Tensor original = x;
    for (int64_t n = 0; n < LayerHarness::batch; ++n)
        for (int64_t i = first * maskedFeatures; i < maskedSteps * maskedFeatures; ++i)
            x.floats()[static_cast<size_t>(n * maskedSteps * maskedFeatures + i)] = value;
    harness.set(harness.inputs()[0], x);
    harness.run();
    harness.set(harness.inputs()[0], original);
    return harness.read(harness.results()[0]);
}

/// Whether the parts of two results (N×steps×… or N×…) that belong to the first `steps` steps are equal.
bool sameUpTo(const Tensor& a, const Tensor& b, int64_t steps)
{
    const bool sequence = a.shape().rank() == 3;
    const int64_t sample = a.elements() / LayerHarness::batch;
    const int64_t counted = sequence ? sample / maskedSteps * steps : sample;
    for (int64_t n = 0; n < LayerHarness::batch; ++n)
        if (!std::equal(a.floats().begin() + n * sample, a.floats().begin() + n * sample + counted,
                b.floats().begin() + n * sample))
            return false;
    return true;
}

TEST(AttentionLayers, PaddingDoesNotCount)
{
    for (const char* id :
        {"self_attention", "multi_head_attention", "transformer_encoder", "global_avg_pool1d"}) {
        SCOPED_TRACE(id);
        std::vector<TensorType> inputs{floats({maskedSteps, maskedFeatures}), floats({maskedSteps})};
        const bool context = std::string(id) == "multi_head_attention";
        if (context)
            inputs.insert(inputs.begin() + 1, layers::unconnected);
        LayerHarness harness(layer(id), {{}, inputs}, false);
        harness.randomize(11);
        Tensor mask(Shape{LayerHarness::batch, maskedSteps});
        for (size_t i = 0; i < mask.floats().size(); ++i)
            mask.floats()[i] = i % maskedSteps < 4 ? 1.0F : 0.0F;
        harness.set(harness.inputs()[context ? 2 : 1], mask);
        EXPECT_TRUE(sameUpTo(resultWith(harness, 4, 0), resultWith(harness, 4, 7), 4));
        EXPECT_FALSE(sameUpTo(resultWith(harness, 3, 0), resultWith(harness, 3, 7), 3));
    }
}

TEST(AttentionLayers, CausalStepsDoNotSeeTheFuture)
{
    for (const char* id : {"self_attention", "multi_head_attention", "transformer_encoder"}) {
        SCOPED_TRACE(id);
        for (const bool causal : {true, false}) {
            LayerHarness harness(
                layer(id), {{{"causal", causal}}, {floats({maskedSteps, maskedFeatures})}}, false);
            harness.randomize(5);
            EXPECT_EQ(sameUpTo(resultWith(harness, 2, 0), resultWith(harness, 2, 3), 2), causal);
        }
    }
}

TEST(AttentionLayers, DropoutOfTheAttentionFollowsTheCounter)
{
    LayerHarness harness(
        layer("self_attention"), {{{"dropout", 0.4}}, {floats({maskedSteps, maskedFeatures})}}, true);
    harness.randomize(3);
    const ir::ValueId random = harness.program().find("random");
    ASSERT_NE(random, ir::noValue);
    const auto resultAt = [&](int32_t step) {
        Tensor counter(Shape{4}, DType::I32);
        counter.as<int32_t>()[2] = step;
        harness.set(random, counter);
        harness.run();
        return harness.read(harness.results()[0]);
    };
    const Tensor first = resultAt(1);
    EXPECT_FALSE(sameUpTo(first, resultAt(2), maskedSteps));
    EXPECT_TRUE(sameUpTo(first, resultAt(1), maskedSteps));
}

TEST(AttentionLayers, TokensOutsideTheVocabularyAreZeros)
{
    LayerHarness harness(layer("embedding"),
        {{{"vocabulary", int64_t{4}}, {"size", int64_t{3}}, {"padding_index", int64_t{0}}},
            {{Shape{2}, DType::I32}}},
        false);
    harness.randomize(2);
    Tensor tokens(Shape{LayerHarness::batch, 2}, DType::I32);
    const std::vector<int32_t> values{0, 3, 4, -1, 2147483647, 1};
    std::copy(values.begin(), values.end(), tokens.as<int32_t>().begin());
    harness.set(harness.inputs()[0], tokens);
    harness.run();
    const Tensor rows = harness.read(harness.results()[0]);
    const Tensor mask = harness.read(harness.results()[1]);
    for (size_t i = 0; i < values.size(); ++i) {
        const bool known = values[i] > 0 && values[i] < 4;
        EXPECT_EQ(rows.floats()[3 * i] != 0, known) << values[i];
        EXPECT_EQ(mask.floats()[i], values[i] == 0 ? 0 : 1) << values[i];
    }
}

} // namespace
} // namespace gradloom::tests
