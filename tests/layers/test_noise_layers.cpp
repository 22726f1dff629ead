#include "layer_harness.h"

#include <gtest/gtest.h>

#include <cmath>

/// What layers do with random numbers in training, and where a formula would overflow.
namespace gradloom::tests {
namespace {

/// Input and result of a layer in training on random numbers.
struct Trained
{
    Tensor x, y;

    Trained(const std::string& id, const Params& params, const Shape& shape)
    {
        LayerHarness harness(*layers::layerTypes().find(id), {params, {{shape, DType::F32}}}, true);
        harness.randomize(11);
        harness.run();
        x = harness.get(harness.inputs()[0]);
        y = harness.read(harness.results()[0]);
    }
};

void expectWholeChannelsDropped(const Shape& shape)
{
    const Trained run("spatial_dropout", {{"rate", 0.5}}, shape);
    const int64_t channels = shape[-1];
    const int64_t pixels = shape.elements() / channels;
    int dropped = 0;
    for (int64_t n = 0; n < LayerHarness::batch; ++n)
        for (int64_t c = 0; c < channels; ++c) {
            const bool gone = run.y.floats()[static_cast<size_t>(n * pixels * channels + c)] == 0;
            dropped += gone ? 1 : 0;
            for (int64_t p = 0; p < pixels; ++p) {
                const auto i = static_cast<size_t>((n * pixels + p) * channels + c);
                ASSERT_FLOAT_EQ(run.y.floats()[i], gone ? 0 : 2 * run.x.floats()[i]);
            }
        }
    const double share = dropped / static_cast<double>(LayerHarness::batch * channels);
    EXPECT_NEAR(share, 0.5, 0.15);
}

TEST(NoiseLayers, SpatialDropoutDropsWholeChannels)
{
    expectWholeChannelsDropped(Shape{5, 64});
    expectWholeChannelsDropped(Shape{3, 4, 64});
}

TEST(NoiseLayers, GaussianNoiseHasItsDeviation)
{
    const Trained run("gaussian_noise", {{"deviation", 0.5}}, Shape{100, 100});
    double sum = 0;
    double squares = 0;
    const auto count = static_cast<double>(run.x.elements());
    for (size_t i = 0; i < run.x.floats().size(); ++i) {
        const double noise = static_cast<double>(run.y.floats()[i]) - run.x.floats()[i];
        sum += noise;
        squares += noise * noise;
    }
    EXPECT_NEAR(sum / count, 0, 0.02);
    EXPECT_NEAR(std::sqrt(squares / count), 0.5, 0.02);
}

TEST(Activations, LogSoftmaxAndSoftplusStayFiniteForLargeNumbers)
{
    const auto apply = [](const std::string& id, const std::vector<float>& numbers) {
        const Shape shape{static_cast<int64_t>(numbers.size())};
        LayerHarness harness(*layers::layerTypes().find(id), {{}, {{shape, DType::F32}}}, false);
        harness.randomize(1);
        Tensor x(shape.prepended(LayerHarness::batch));
        for (size_t i = 0; i < x.floats().size(); ++i)
            x.floats()[i] = numbers[i % numbers.size()];
        harness.set(harness.inputs()[0], x);
        harness.run();
        const Tensor y = harness.read(harness.results()[0]);
        return std::vector<float>(
            y.floats().begin(), y.floats().begin() + static_cast<int64_t>(numbers.size()));
    };
    EXPECT_EQ(apply("log_softmax", {1000, 0, -1000}), (std::vector<float>{0, -1000, -2000}));
    EXPECT_EQ(apply("softplus", {1000, -1000}), (std::vector<float>{1000, 0}));
    EXPECT_EQ(apply("mish", {1000, -1000}), (std::vector<float>{1000, 0}));
}

} // namespace
} // namespace gradloom::tests
