#include "engine/data/augment.h"
#include "engine/data/augmentation.h"
#include "engine/data/source_type.h"
#include "engine/ir/builder.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace gradloom::data {
namespace {

using test::failsWith;

LoadedData pictures()
{
    return loadData("shapes", {{"training", int64_t{40}}, {"test", int64_t{10}}, {"size", int64_t{16}}}, {})
        .value();
}

Preprocess scaled()
{
    Preprocess preprocess;
    preprocess.scale = 1.0f / 255;
    return preprocess;
}

std::shared_ptr<const Augmenter> augmenter(const Params& options)
{
    const LoadedData data = pictures();
    return Augmenter::create(options, data, scaled()).value();
}

/// Samples and labels of the first `batches` batches.
std::vector<float> delivered(const Params& options, int threads, int batches, uint64_t seed = 5)
{
    LoaderOptions loading;
    loading.batchSize = 16;
    loading.seed = seed;
    loading.threads = threads;
    loading.augment = augmenter(options);
    auto loader = BatchLoader::create(wholePart(pictures().training), scaled(), loading).value();
    std::vector<float> all;
    for (int i = 0; i < batches; ++i) {
        const Batch& batch = *loader->next().value();
        const auto values = batch.samples.floats();
        all.insert(all.end(), values.begin(), values.end());
        for (const int32_t label : batch.targets[0].as<int32_t>())
            all.push_back(static_cast<float>(label));
    }
    return all;
}

TEST(Augment, offIsNothing)
{
    EXPECT_EQ(augmenter({}), nullptr);
    EXPECT_NE(augmenter({{"noise", 0.1}}), nullptr);
    for (const ParamSpec& spec : augmentParameters())
        EXPECT_FALSE(spec.help.empty()) << spec.key;
}

TEST(Augment, refusesWhatAreNoPictures)
{
    const auto points = loadData("spirals", {}, {}).value();
    EXPECT_TRUE(failsWith(Augmenter::create({{"shift", 0.1}}, points, {}), {"pictures", "samples are 2"}));
    EXPECT_TRUE(failsWith(Augmenter::create({{"rotate", 200.0}}, pictures(), {}), {"Rotate", "180"}));
    EXPECT_TRUE(failsWith(Augmenter::create({{"turn", 1.0}}, pictures(), {}), {"turn"}));
}

TEST(Augment, dependsOnSeedEpochAndSampleAlone)
{
    const Params options{{"flip", std::string("both")}, {"shift", 0.1}, {"rotate", 20.0}, {"zoom", 0.1},
        {"brightness", 0.1}, {"noise", 0.05}, {"cutout", 0.3}, {"mixup", 0.3}};
    const auto one = delivered(options, 1, 9);
    EXPECT_EQ(delivered(options, 4, 9), one);
    EXPECT_NE(delivered(options, 1, 9, 6), one);
    for (const float value : one)
        ASSERT_TRUE(std::isfinite(value));
}

/// A part of one sample: every batch holds it alone.
DataPart oneSample(const LoadedData& data)
{
    return {data.training, {3}};
}

std::vector<float> changed(const Params& options, int64_t epoch)
{
    const LoadedData data = pictures();
    const DataPart part = oneSample(data);
    const auto how = Augmenter::create(options, data, scaled()).value();
    Batch batch(*data.training, 1);
    fillBatch(part, 0, scaled(), batch);
    AugmentScratch scratch = how->makeScratch();
    how->apply({part, scaled(), 3, 9, epoch}, batch, 0, scratch);
    const auto values = batch.samples.floats();
    return {values.begin(), values.end()};
}

std::vector<float> original()
{
    const LoadedData data = pictures();
    std::vector<float> values(256);
    applyPreprocess(scaled(), *data.training, 3, values);
    return values;
}

TEST(Augment, flipIsExactAndHappensHalfTheTime)
{
    const auto plain = original();
    auto mirrored = plain;
    for (size_t row = 0; row < 16; ++row)
        std::reverse(mirrored.begin() + static_cast<int64_t>(row) * 16,
            mirrored.begin() + static_cast<int64_t>(row + 1) * 16);
    int flipped = 0;
    for (int64_t epoch = 0; epoch < 40; ++epoch) {
        const auto now = changed({{"flip", std::string("horizontal")}}, epoch);
        flipped += now == mirrored;
        EXPECT_TRUE(now == mirrored || now == plain);
    }
    EXPECT_GT(flipped, 8);
    EXPECT_LT(flipped, 32);
}

TEST(Augment, everyOptionDoesWhatItSays)
{
    const auto plain = original();
    const auto brighter = changed({{"brightness", 0.5}}, 1);
    const float added = brighter[0] - plain[0];
    EXPECT_GT(std::abs(added), 1e-3);
    EXPECT_LE(std::abs(added), 0.5);
    for (size_t i = 0; i < plain.size(); ++i)
        ASSERT_NEAR(brighter[i] - plain[i], added, 1e-6);

    const auto noisy = changed({{"noise", 0.1}}, 1);
    double squares = 0;
    for (size_t i = 0; i < plain.size(); ++i)
        squares += std::pow(noisy[i] - plain[i], 2);
    EXPECT_NEAR(std::sqrt(squares / 256), 0.1, 0.02);

    size_t most = 0;
    for (int64_t epoch = 0; epoch < 20; ++epoch) {
        const auto cut = changed({{"cutout", 0.5}}, epoch);
        size_t blank = 0;
        for (size_t i = 0; i < plain.size(); ++i) {
            blank += cut[i] == 0;
            ASSERT_TRUE(cut[i] == 0 || cut[i] == plain[i]);
        }
        most = std::max(most, blank);
    }
    EXPECT_GT(most, 16u);
    EXPECT_LE(most, 64u + static_cast<size_t>(std::count(plain.begin(), plain.end(), 0.0f)));

    for (const char* option : {"shift", "zoom", "rotate"}) {
        const auto moved = changed({{option, option == std::string("rotate") ? 30.0 : 0.3}}, 2);
        EXPECT_NE(moved, plain) << option;
        const auto [low, high] = std::minmax_element(plain.begin(), plain.end());
        for (const float value : moved)
            ASSERT_TRUE(value >= *low - 1e-5f && value <= *high + 1e-5f) << option;
    }
}

/// The pixels are mixed by the share, and labels of both kinds come.
TEST(Augment, mixupDrawsTheLabelByTheShares)
{
    const LoadedData data = pictures();
    const DataPart part = wholePart(data.training);
    const auto how = Augmenter::create({{"mixup", 1.0}}, data, scaled()).value();
    Batch batch(*data.training, 1);
    AugmentScratch scratch = how->makeScratch();
    const Preprocess preprocess = scaled();
    std::set<int32_t> labels;
    int own = 0;
    for (int64_t epoch = 0; epoch < 200; ++epoch) {
        fillBatch(part, 3, scaled(), batch);
        how->apply({part, preprocess, 3, 9, epoch}, batch, 0, scratch);
        const int32_t label = batch.targets[0].as<int32_t>()[0];
        labels.insert(label);
        own += label == data.training->label(3);
    }
    // Half the time the own label, and now and then the partner has the same.
    EXPECT_GT(own, 80);
    EXPECT_LT(own, 140);
    EXPECT_EQ(labels.size(), 10u);
}

TEST(Augment, everyAugmentationHasItsPlace)
{
    std::set<std::pair<AugmentStep, int>> places;
    std::set<std::string> keys;
    for (const Augmentation& one : augmentations()) {
        EXPECT_TRUE(places.insert({one.step, one.order}).second) << one.option.key;
        EXPECT_TRUE(keys.insert(one.option.key).second) << one.option.key;
        EXPECT_TRUE(one.option.kind == ParamKind::Real || one.option.kind == ParamKind::Choice) << one.option.key;
    }
    EXPECT_EQ(Augmenter::views({}), 0);
    EXPECT_EQ(Augmenter::views({{"flip", std::string("none")}, {"noise", 0.0}}), 0);
    EXPECT_EQ(Augmenter::views({{"flip", std::string("both")}}), 1);
    EXPECT_EQ(Augmenter::views({{"mixup", 0.2}}), 2);
    EXPECT_EQ(Augmenter::views({{"mixup", 7.0}}), 0);
}

/// Random pictures with a class and a number to learn.
LoadedData picturesOf(const Shape& shape, int64_t count)
{
    Dataset set;
    set.samples = Tensor(shape.prepended(count), DType::U8);
    Random random(4);
    for (uint8_t& x : set.samples.as<uint8_t>())
        x = static_cast<uint8_t>(random.below(256));
    set.targets = {Tensor(Shape{count}, DType::I32), Tensor(Shape{count, 2})};
    for (int64_t i = 0; i < count; ++i)
        set.targets[0].as<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(i % 3);
    for (float& x : set.targets[1].floats())
        x = random.uniform();
    LoadedData data;
    data.training = std::make_shared<const Dataset>(std::move(set));
    data.valueMaximum = 255;
    return data;
}

/// The batch as a step changes it.
Tensor changedIn(backend::Backend& device, const Batch& batch)
{
    ir::Builder b;
    const Tensor* tables[] = {&batch.samples, &batch.changes, &batch.noise};
    std::vector<ir::ValueId> inputs;
    for (const Tensor* table : tables)
        inputs.push_back(b.input("in" + std::to_string(inputs.size()), table->type()));
    const ir::ValueId y = b.op("augment", inputs);
    b.output("y", y);
    const auto plan = std::make_shared<const compile::Plan>(compile::plan(b.program()));
    const auto executable = device.load(plan, {}).value();
    for (size_t i = 0; i < inputs.size(); ++i)
        executable->write(inputs[i], {tables[i]->data(), static_cast<size_t>(tables[i]->bytes())});
    executable->poison();
    executable->run();
    Tensor result(b.shape(y));
    executable->read(y, {result.data(), static_cast<size_t>(result.bytes())});
    return result;
}

void expectTheSameInTheStep(const Params& options, const Shape& shape, int64_t batchSize)
{
    const LoadedData data = picturesOf(shape, 7);
    const DataPart part = wholePart(data.training);
    Preprocess preprocess = scaled();
    preprocess.mean.assign(static_cast<size_t>(shape[2]), 0.4f);
    preprocess.deviation.assign(static_cast<size_t>(shape[2]), 0.3f);
    preprocess.deviation.back() = 0.7f;
    LoaderOptions loading;
    loading.batchSize = batchSize;
    loading.seed = 21;
    loading.augment = Augmenter::create(options, data, preprocess).value();
    const auto changing = BatchLoader::create(part, preprocess, loading).value();
    loading.augmentInStep = true;
    const auto describing = BatchLoader::create(part, preprocess, loading).value();
    const std::unique_ptr<backend::Backend> devices[] = {
        backend::open("cpu", {2}).value(), tests::openEmulatedCuda()};
    for (int64_t i = 0; i < 2 * changing->batchesPerEpoch(); ++i) { // the last batch of an epoch is filled up
        const Batch& expected = *changing->next().value();
        const Batch& described = *describing->next().value();
        ASSERT_EQ(described.samples.shape(), shape.prepended(loading.augment->views()).prepended(batchSize));
        for (const auto& device : devices) {
            const Tensor result = changedIn(*device, described);
            ASSERT_EQ(result.shape(), expected.samples.shape());
            // Compilers may round products within sums or not.
            for (size_t k = 0; k < result.floats().size(); ++k)
                ASSERT_NEAR(result.floats()[k], expected.samples.floats()[k], 1e-5) << i << " at " << k;
        }
        EXPECT_TRUE(std::ranges::equal(
            described.targets[0].as<int32_t>(), expected.targets[0].as<int32_t>()));
        EXPECT_TRUE(std::ranges::equal(described.targets[1].floats(), expected.targets[1].floats()));
        EXPECT_EQ(described.count, expected.count);
    }
}

TEST(Augment, aStepChangesPicturesAsTheLoaderDoes)
{
    Params all;
    for (const Augmentation& one : augmentations()) {
        const ParamValue most = one.option.kind == ParamKind::Choice ? ParamValue(one.option.choices.back().value)
                                                                    : ParamValue(one.option.maximum * 0.7);
        SCOPED_TRACE(one.option.key);
        expectTheSameInTheStep({{one.option.key, most}}, Shape{6, 9, 3}, 4);
        all.set(one.option.key, most);
    }
    for (const Shape& shape : {Shape{8, 8, 1}, Shape{5, 1, 257}, Shape{1, 6, 2}, Shape{1, 1, 1}})
        for (const int64_t batchSize : {1, 3})
            expectTheSameInTheStep(all, shape, batchSize);
}

} // namespace
} // namespace gradloom::data
