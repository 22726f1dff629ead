#include "engine/explain/colormap.h"
#include "engine/explain/method_type.h"
#include "engine/explain/overlay.h"
#include "engine/train/step_program.h"
#include "source_dir.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/train_test_util.h"

#include <algorithm>
#include <cmath>

using namespace gradloom;
using namespace gradloom::explain;

namespace {

constexpr int64_t size = 10;
constexpr int64_t filters = 3;
constexpr int64_t classes = 4;
const layers::TargetTypes classLabels{{"class", {Shape(), DType::I32}}};

Tensor picture()
{
    Tensor sample(Shape{size, size, 1});
    for (size_t i = 0; i < sample.floats().size(); ++i)
        sample.floats()[i] = std::sin(0.37f * static_cast<float>(i)) + 0.2f;
    return sample;
}

/// What a node computes for the picture, height × width × channels.
Tensor resultOf(train::Model& model, const std::string& node)
{
    auto program = model.program("test watch " + node, [&] {
        train::ProgramOptions options;
        options.watch = {node};
        return train::forwardProgram(model.graph(), options);
    });
    EXPECT_TRUE(program.ok());
    (*program)->write("input", picture());
    (*program)->run();
    return (*program)->read("node:" + node);
}

graph::Graph network(bool pooled)
{
    using train_test::node;
    std::vector<graph::Node> nodes{node("input", "input", {{"shape", std::vector<int64_t>{size, size, 1}}}),
        node("conv", "conv2d", {{"filters", filters}, {"activation", std::string("relu")}})};
    nodes.push_back(pooled ? node("pool", "global_avg_pool2d") : node("flat", "flatten"));
    nodes.push_back(node("scores", "dense", {{"units", classes}}));
    nodes.push_back(node("loss", "cross_entropy"));
    return train_test::chain(std::move(nodes));
}

/// Equations 1 and 2 of the paper for a network whose score is linear in the feature maps:
/// `weightOf(pixel, channel)` is the derivative of the score.
template <typename F>
std::vector<double> expectedMap(const Tensor& features, F weightOf)
{
    const int64_t pixels = features.shape()[1] * features.shape()[2];
    std::vector<double> alpha(filters, 0.0);
    for (int64_t p = 0; p < pixels; ++p)
        for (int64_t k = 0; k < filters; ++k)
            alpha[static_cast<size_t>(k)] += weightOf(p, k) / static_cast<double>(pixels);
    std::vector<double> map;
    for (int64_t p = 0; p < pixels; ++p) {
        double sum = 0;
        for (int64_t k = 0; k < filters; ++k)
            sum += alpha[static_cast<size_t>(k)] * features.floats()[static_cast<size_t>(p * filters + k)];
        map.push_back(std::max(sum, 0.0));
    }
    return map;
}

void expectMap(const Tensor& map, const std::vector<double>& expected)
{
    ASSERT_EQ(map.shape(), (Shape{size - 2, size - 2}));
    const double highest = *std::max_element(expected.begin(), expected.end());
    for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(map.floats()[i], expected[i], 1e-5 * highest + 1e-9) << i;
}

const MethodType& gradcam()
{
    return *methodTypes().find("gradcam");
}

} // namespace

TEST(Explain, GradcamOfAveragePoolingIsTheClassActivationMap)
{
    // Zhou et al. 2016: with global average pooling the weights of the last layer weigh the maps.
    auto model = train_test::modelOf(network(true));
    ASSERT_TRUE(model);
    const Tensor features = resultOf(*model, "conv");
    const Tensor weights = model->weights().at("scores.weight");
    constexpr double pixels = (size - 2) * (size - 2);
    for (int c = 0; c < classes; ++c) {
        Question question;
        question.sample = picture();
        question.classIndex = c;
        question.layer = "conv";
        auto answer = gradcam().explain(*model, question);
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        EXPECT_EQ(answer->classIndex, c);
        expectMap(answer->map, expectedMap(features, [&](int64_t, int64_t k) {
            return weights.floats()[static_cast<size_t>(k * classes + c)] / pixels;
        }));
    }
}

TEST(Explain, GradcamThroughFlatten)
{
    auto model = train_test::modelOf(network(false));
    ASSERT_TRUE(model);
    const Tensor features = resultOf(*model, "conv");
    const Tensor weights = model->weights().at("scores.weight");
    Question question;
    question.sample = picture();
    question.classIndex = 2;
    auto answer = gradcam().explain(*model, question);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->layer, "conv"); // the last convolution
    expectMap(answer->map, expectedMap(features, [&](int64_t p, int64_t k) {
        return weights.floats()[static_cast<size_t>((p * filters + k) * classes + 2)];
    }));
    EXPECT_EQ(answer->heat.shape(), (Shape{size, size}));
    float highest = 0;
    for (const float value : answer->heat.floats()) {
        EXPECT_GE(value, 0);
        highest = std::max(highest, value);
    }
    EXPECT_TRUE(highest == 1.0f || highest == 0.0f);
}

TEST(Explain, WithoutAClassThePredictedOneIsExplained)
{
    auto model = train_test::modelOf(network(false));
    Question question;
    question.sample = picture();
    auto answer = gradcam().explain(*model, question);
    ASSERT_TRUE(answer.ok());
    const auto p = answer->probabilities.floats();
    ASSERT_EQ(p.size(), static_cast<size_t>(classes));
    EXPECT_EQ(answer->classIndex, std::max_element(p.begin(), p.end()) - p.begin());
    question.classIndex = answer->classIndex;
    auto same = gradcam().explain(*model, question);
    ASSERT_TRUE(same.ok());
    EXPECT_EQ(std::memcmp(same->map.data(), answer->map.data(), static_cast<size_t>(answer->map.bytes())), 0);
}

TEST(Explain, WrongQuestionsAreAnswered)
{
    auto model = train_test::modelOf(network(false));
    const auto message = [&](Question question) {
        auto answer = gradcam().explain(*model, question);
        EXPECT_FALSE(answer.ok());
        return answer.ok() ? std::string() : answer.error().message;
    };
    Question question;
    question.sample = picture();
    question.layer = "scores";
    EXPECT_NE(message(question).find("conv"), std::string::npos);
    question.layer = "";
    question.classIndex = 9;
    EXPECT_NE(message(question).find("9"), std::string::npos);
    question.classIndex = 0;
    question.sample = Tensor(Shape{4, 4, 1});
    EXPECT_NE(message(question).find("10×10×1"), std::string::npos);
}

TEST(Explain, LayersToChooseFrom)
{
    const auto nodes = convolutionalNodes(train_test::smallCnn(), classLabels);
    EXPECT_EQ(nodes, (std::vector<std::string>{"conv", "pool", "conv_b"}));
    EXPECT_EQ(defaultLayer(train_test::smallCnn(), classLabels), "conv_b");
}

TEST(Explain, EveryKindOfConvolutionIsLookedAtByDefault)
{
    using train_test::node;
    using List = std::vector<int64_t>;
    for (const std::string type : {"conv2d", "depthwise_conv2d", "separable_conv2d", "conv_transpose2d"}) {
        const graph::Graph drawing = train_test::chain({node("input", "input", {{"shape", List{8, 8, 2}}}),
            node("first", "conv2d"), node("last", type), node("up", "upsampling2d"), node("border", "zero_pad2d"),
            node("pool", "global_max_pool2d"), node("dense", "dense", {{"units", int64_t{3}}}),
            node("loss", "cross_entropy")});
        EXPECT_EQ(defaultLayer(drawing, classLabels), "last") << type;
        const auto model = train_test::modelOf(drawing);
        Question question;
        question.sample = Tensor(Shape{8, 8, 2});
        std::fill(question.sample.floats().begin(), question.sample.floats().end(), 1.0f);
        const auto answer = methodTypes().find("gradcam")->explain(*model, question);
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        EXPECT_EQ(answer->layer, "last");
    }
}

/// What every method says about a picture when it looks at each of some layers.
std::vector<Answer> answersOn(const std::shared_ptr<backend::Backend>& device, const graph::Graph& drawing,
    const std::vector<std::string>& layers)
{
    const auto model = train::Model::create(drawing, classLabels, device, 7).value();
    const auto input = std::find_if(drawing.nodes.begin(), drawing.nodes.end(),
        [](const graph::Node& node) { return node.type == "input"; });
    const auto& extents = input->params.list("shape");
    Question question;
    question.sample = Tensor(Shape{extents[0], extents[1], extents[2]});
    for (size_t i = 0; i < question.sample.floats().size(); ++i)
        question.sample.floats()[i] = 0.5f + 0.5f * std::sin(0.37f * static_cast<float>(i));
    std::vector<Answer> answers;
    for (const MethodType& method : methodTypes().all())
        for (const std::string& layer : layers)
            for (const int chosen : {-1, 2}) {
                question.layer = layer;
                question.classIndex = chosen;
                auto answer = method.explain(*model, question);
                EXPECT_TRUE(answer.ok()) << layer << ": " << answer.error().message;
                if (answer)
                    answers.push_back(std::move(*answer));
            }
    return answers;
}

TEST(Explain, EveryMethodSaysOnAGpuWhatItSaysOnTheCpu)
{
    backend::DeviceOptions strict;
    strict.precision = backend::Precision::Float32;
    const std::shared_ptr<backend::Backend> gpu = tests::openEmulatedCuda(strict);
    std::vector<graph::Graph> drawings{network(true), network(false), train_test::smallCnn()};
    for (const char* name : {"fashion_cnn", "fashion_resnet", "shapes_cnn"})
        drawings.push_back(project::loadProject(std::filesystem::path(GRADLOOM_SOURCE_DIR) / "projects" /
                                                (std::string(name) + ".gradloom.json"))
                               .value()
                               .graph);
    for (const graph::Graph& drawing : drawings) {
        auto layers = convolutionalNodes(drawing, classLabels);
        if (layers.size() > 3)
            layers = {defaultLayer(drawing, classLabels)};
        const auto expected = answersOn(train_test::cpu(), drawing, layers);
        const auto answers = answersOn(gpu, drawing, layers);
        ASSERT_EQ(answers.size(), expected.size());
        ASSERT_FALSE(answers.empty());
        for (size_t i = 0; i < answers.size(); ++i) {
            EXPECT_EQ(answers[i].classIndex, expected[i].classIndex);
            EXPECT_EQ(answers[i].layer, expected[i].layer);
            const auto near = [&](const Tensor& a, const Tensor& b) {
                ASSERT_EQ(a.shape(), b.shape());
                float scale = 1e-6f;
                for (const float x : b.floats())
                    scale = std::max(scale, std::abs(x));
                for (size_t k = 0; k < a.floats().size(); ++k)
                    ASSERT_NEAR(a.floats()[k], b.floats()[k], 2e-4f * scale) << answers[i].layer << " at " << k;
            };
            near(answers[i].probabilities, expected[i].probabilities);
            near(answers[i].map, expected[i].map);
            near(answers[i].heat, expected[i].heat);
        }
    }
}

TEST(Explain, HeatIsScaledAndNeverNegative)
{
    Tensor map(Shape{2, 2});
    map.floats()[0] = 2;
    map.floats()[3] = -1;
    const Tensor heat = heatOf(map, 2, 2);
    EXPECT_FLOAT_EQ(heat.floats()[0], 1);
    EXPECT_FLOAT_EQ(heat.floats()[3], 0);
    const Tensor cold = heatOf(Tensor(Shape{2, 2}), 6, 6);
    for (const float value : cold.floats())
        EXPECT_EQ(value, 0);
}

TEST(Explain, OverlayShowsThePictureWhereItIsCold)
{
    Tensor grey(Shape{2, 2, 1}, DType::U8);
    for (auto& value : grey.as<uint8_t>())
        value = 100;
    Tensor heat(Shape{2, 2});
    heat.floats()[3] = 1;
    const Tensor result = overlay(grey, heat, 255, {1.0f, 1});
    ASSERT_EQ(result.shape(), (Shape{2, 2, 3}));
    for (size_t c = 0; c < 3; ++c) {
        EXPECT_EQ(result.as<uint8_t>()[c], 100);
        EXPECT_EQ(result.as<uint8_t>()[9 + c], turboBytes(1.0f)[c]);
    }
    EXPECT_EQ(overlay(grey, heat, 255, {0.5f, 3}).shape(), (Shape{6, 6, 3}));
}

TEST(Explain, TurboRunsFromBlueToRed)
{
    EXPECT_GT(turbo(0.15f)[2], turbo(0.15f)[0]);
    EXPECT_GT(turbo(0.5f)[1], 0.8f);
    EXPECT_GT(turbo(0.9f)[0], turbo(0.9f)[2]);
    EXPECT_EQ(turbo(-3), turbo(0));
    EXPECT_EQ(turbo(std::nanf("")), turbo(0));
    EXPECT_EQ(turbo(7), turbo(1));
}
