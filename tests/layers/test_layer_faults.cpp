#include "engine/graph/node_cost.h"
#include "engine/layers/layer_type.h"

#include <gtest/gtest.h>

/// Options and inputs that do not fit together: each is explained in one sentence, and every proposed repair
/// mends it.
namespace gradloom::tests {
namespace {

using layers::LayerType;
using layers::Repair;
using List = std::vector<int64_t>;
using Text = std::string;

struct Misfit
{
    std::string layer;
    Params params;
    std::vector<Shape> inputs;
    std::string part;   ///< of the message
    size_t repairs = 0; ///< how many are proposed
};

std::vector<TensorType> typesOf(const std::vector<Shape>& shapes)
{
    std::vector<TensorType> types;
    for (const Shape& shape : shapes)
        types.push_back({shape, DType::F32});
    return types;
}

layers::Inferred inferred(const LayerType& type, const Params& params, const std::vector<TensorType>& inputs)
{
    return type.infer(completeParams(type.parameters, params, type.id).value(), inputs);
}

const LayerType& layer(const std::string& id)
{
    return *layers::layerTypes().find(id);
}

std::vector<Misfit> misfits()
{
    const List three{3, 3};
    return {
        {"conv1d", {{"kernel", int64_t{5}}}, {{4, 2}}, "a window of 5 but gets only 4", 2},
        {"conv1d", {}, {{8}}, "Conv1D needs sequences (N, steps, channels) but gets (N, 8)", 1},
        {"conv1d", {}, {{8, 8, 3}}, "each pixel a step", 1},
        {"conv1d", {{"groups", int64_t{2}}}, {{8, 3}}, "2 groups cannot divide 3 channels", 1},
        {"conv2d", {}, {{2, 8, 1}}, "a window of 3×3 but gets only 2×8", 2},
        {"conv2d", {{"dilation", List{4, 4}}}, {{8, 8, 1}}, "that reaches over 9×9 but gets only 8×8", 2},
        {"conv2d", {{"padding", Text("explicit")}, {"pad", List{0, 0, 0, 0}}}, {{2, 2, 1}}, "gets only 2×2",
            2},
        {"conv2d", {{"padding", Text("explicit")}, {"pad", List{65536, 65536, 65536, 65536}}}, {{9, 9, 1}},
            "padded numbers, more than 268,435,456", 1},
        {"conv3d", {}, {{4, 4, 4}}, "Conv3D needs volumes (N, depth, height, width, channels)", 1},
        {"conv3d", {}, {{2, 8, 8, 1}}, "a window of 3×3×3 but gets only 2×8×8", 2},
        {"depthwise_conv2d", {{"kernel", List{4, 1}}}, {{3, 3, 2}}, "a window of 4×1", 2},
        {"depthwise_conv2d", {}, {{28, 28}}, "Insert Reshape to add a channel", 1},
        {"separable_conv2d", {}, {{1, 1, 2}}, "SeparableConv2D looks through", 2},
        {"conv_transpose2d", {{"output_padding", List{1, 0}}}, {{4, 4, 2}}, "smaller than the stride", 1},
        {"conv_transpose2d", {{"padding", Text("explicit")}, {"pad", List{2, 2, 2, 2}}}, {{1, 1, 2}},
            "leave nothing", 1},
        {"conv_transpose2d", {}, {{100}}, "ConvTranspose2D needs pictures", 1},
        {"max_pool1d", {}, {{1, 3}}, "a window of 2 but gets only 1", 2},
        {"avg_pool2d", {{"padding", Text("explicit")}, {"pad", List{2, 0, 0, 0}}}, {{4, 4, 1}},
            "nothing but padding", 1},
        {"max_pool3d", {{"pool", List{2, 5, 2}}}, {{2, 4, 4, 1}}, "2×5×2 but gets only 2×4×4", 2},
        {"global_max_pool1d", {}, {{5}}, "GlobalMaxPool1D needs sequences", 1},
        {"global_max_pool2d", {}, {{5, 5}}, "GlobalMaxPool2D needs pictures", 1},
        {"upsampling2d", {}, {{5}}, "UpSampling2D needs pictures", 1},
        {"zero_pad1d", {}, {{4}}, "ZeroPad1D needs sequences", 1},
        {"crop2d", {{"amounts", List{2, 0, 2, 0}}}, {{4, 4, 1}}, "leaves nothing of it", 1},
        {"pixel_shuffle", {}, {{4, 4, 6}}, "each pixel of 4 channels but gets (N, 4, 4, 6)", 1},
        {"permute", {{"order", List{0, 1, 1}}}, {{4, 5, 6}}, "each of the 3 dimensions", 1},
        {"permute", {}, {{4, 5, 6}}, "its order is 1 × 0", 1},
        {"slice", {{"start", int64_t{4}}, {"length", int64_t{3}}}, {{6}}, "where there are only 6", 1},
        {"slice", {{"start", int64_t{-9}}}, {{6}}, "where there are only 6", 1},
        {"slice", {{"axis", int64_t{2}}}, {{6}}, "cannot work along axis 2", 1},
        {"split", {{"size", int64_t{6}}}, {{6}}, "one part is empty", 1},
        {"split", {}, {{6, 1}}, "which has one element", 0},
        {"concat", {{"axis", int64_t{3}}}, {{2, 3}, {2, 3}}, "Concat cannot work along axis 3 of (N, 2, 3)",
            1},
        {"squeeze", {}, {{1, 3}}, "axis -1 of (N, 1, 3) has 3", 1},
        {"squeeze", {}, {{3}}, "at least two dimensions", 0},
        {"expand_dims", {{"axis", int64_t{4}}}, {{3, 4}}, "there are only 3", 1},
        {"expand_dims", {}, {{1, 1, 1, 1, 1}}, "as many as there can be", 0},
        {"repeat_vector", {}, {{3, 4}}, "Insert Flatten", 1},
        {"subtract", {}, {{3}, {4}}, "Subtract needs inputs of one shape but gets (N, 3) and (N, 4)", 0},
        {"multiply", {}, {{3}, {3}, {1, 3}}, "Multiply needs inputs of one shape", 0},
        {"dot", {}, {{3}, {4}}, "Dot needs inputs of one shape", 0},
        {"spatial_dropout", {}, {{7}}, "Use Dropout", 0},
    };
}

/// The sentence and its repairs, each tried.
void check(const Misfit& misfit)
{
    SCOPED_TRACE(misfit.layer + ": " + misfit.part);
    const LayerType& type = layer(misfit.layer);
    const auto inputs = typesOf(misfit.inputs);
    const auto found = inferred(type, misfit.params, inputs);
    ASSERT_TRUE(found.fault);
    const std::string& message = found.fault->message;
    EXPECT_NE(message.find(misfit.part), std::string::npos) << message;
    EXPECT_EQ(message.back(), '.') << message;
    EXPECT_EQ(found.fault->repairs.size(), misfit.repairs) << message;
    for (const Repair& repair : found.fault->repairs) {
        Params params = misfit.params;
        auto mended = inputs;
        if (repair.kind == Repair::Kind::SetParameter) {
            params.set(repair.key, repair.value);
        } else {
            const auto inserted = inferred(layer(repair.layer), repair.params, inputs);
            ASSERT_FALSE(inserted.fault) << repair.title << ": " << inserted.fault->message;
            mended[0] = inserted.outputs[0];
        }
        const auto after = inferred(type, params, mended);
        EXPECT_FALSE(after.fault) << repair.title << ": " << after.fault->message;
    }
}

TEST(LayerFaults, SayWhatIsWrongAndEveryRepairMendsIt)
{
    for (const Misfit& misfit : misfits())
        check(misfit);
}

TEST(LayerFaults, OptionsOutOfRangeAreRefused)
{
    for (const auto& [id, params] : std::vector<std::pair<std::string, Params>>{
             {"conv1d", {{"kernel", int64_t{0}}}}, {"conv2d", {{"kernel", List{3, -3}}}},
             {"conv2d", {{"pad", List{0, 0, 0, -1}}}}, {"conv2d", {{"pad", List{1, 1}}}},
             {"conv3d", {{"stride", List{1, 1}}}}, {"depthwise_conv2d", {{"multiplier", int64_t{0}}}},
             {"max_pool1d", {{"pool", int64_t{-2}}}}, {"upsampling2d", {{"factor", List{0, 2}}}},
             {"repeat_vector", {{"steps", int64_t{0}}}}, {"permute", {{"order", List{}}}},
             {"permute", {{"order", List{-1, 0}}}}, {"spatial_dropout", {{"rate", 1.0}}},
             {"gaussian_noise", {{"deviation", -0.1}}}, {"conv2d", {{"activation", Text("prelu")}}}})
        EXPECT_FALSE(completeParams(layer(id).parameters, params, id)) << id;
}

graph::NodeCost costOf(const std::string& id, const Params& given, const Shape& input)
{
    const LayerType& type = layer(id);
    const auto params = completeParams(type.parameters, given, id).value();
    const auto inputs = typesOf({input});
    return graph::costOf({"node", id, given, {}}, type, params, inputs, type.infer(params, inputs).outputs)
        .value();
}

TEST(LayerCosts, CountWeightsAndMultiplications)
{
    const auto cost = [](const std::string& id, const Params& params, const Shape& input, int64_t weights,
                          int64_t flops) {
        const auto found = costOf(id, params, input);
        EXPECT_EQ(found.weights, weights) << id;
        // A multiplication and an addition for each weight at each place, and a little for copies and
        // activations.
        EXPECT_GE(found.flops, flops) << id;
        EXPECT_LE(found.flops, flops + flops / 4) << id;
    };
    const Text same = "same";
    cost("conv1d", {{"filters", int64_t{8}}, {"padding", same}}, {50, 16}, 3 * 16 * 8 + 8,
        2 * 50 * 3 * 16 * 8);
    cost("conv3d", {{"filters", int64_t{8}}, {"padding", same}}, {4, 6, 5, 16}, 27 * 16 * 8 + 8,
        int64_t{2} * 4 * 6 * 5 * 27 * 16 * 8);
    cost("depthwise_conv2d", {{"multiplier", int64_t{2}}, {"padding", same}}, {8, 8, 16}, 9 * 32 + 32,
        2 * 64 * 9 * 32);
    cost("separable_conv2d", {{"filters", int64_t{8}}, {"padding", same}}, {8, 8, 16}, 9 * 16 + 16 * 8 + 8,
        2 * 64 * (9 * 16 + 16 * 8));
    cost("conv_transpose2d", {{"filters", int64_t{8}}, {"stride", List{2, 2}}, {"padding", same}}, {7, 7, 16},
        9 * 16 * 8 + 8, 2 * 49 * 9 * 16 * 8);
    EXPECT_EQ(costOf("prelu", {}, {5, 5, 3}).weights, 3);
}

} // namespace
} // namespace gradloom::tests
