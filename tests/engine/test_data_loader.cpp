#include "engine/data/batch_loader.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;

/// Sample i holds the values 2i and 2i + 1 and has the label i.
DataPart countingPart(int64_t count)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, 1, 2, 1});
    dataset->targets.emplace_back(Shape{count}, DType::I32);
    for (int64_t i = 0; i < 2 * count; ++i)
        dataset->samples.floats()[static_cast<size_t>(i)] = static_cast<float>(i);
    for (int64_t i = 0; i < count; ++i)
        dataset->targets[0].as<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(i);
    return wholePart(dataset);
}

LoaderOptions options(int64_t batch, uint64_t seed = 3, LoaderPosition start = {}, int threads = 1)
{
    LoaderOptions result;
    result.batchSize = batch;
    result.seed = seed;
    result.start = start;
    result.threads = threads;
    return result;
}

/// The labels of `batches` batches, and that everything in each agrees with its labels.
std::vector<int32_t> deliver(BatchLoader& loader, int64_t batches)
{
    std::vector<int32_t> all;
    for (int64_t b = 0; b < batches; ++b) {
        const LoaderPosition expected = loader.position();
        const Batch& batch = *loader.next().value();
        EXPECT_EQ(batch.epoch, expected.epoch);
        EXPECT_EQ(batch.index, expected.batch);
        for (int64_t i = 0; i < batch.size(); ++i) {
            const auto at = static_cast<size_t>(i);
            const int32_t label = batch.targets[0].as<int32_t>()[at];
            EXPECT_EQ(batch.samples.floats()[2 * at], static_cast<float>(2 * label));
            EXPECT_EQ(batch.weights.floats()[at], i < batch.count ? 1.0f : 0.0f);
            all.push_back(label);
        }
    }
    return all;
}

TEST(FillBatch, fillsTheTailFromTheStart)
{
    const DataPart part = countingPart(5);
    Batch batch(*part.dataset, 4);
    fillBatch(part, 4, Preprocess{}, batch);
    EXPECT_EQ(batch.count, 1);
    const auto labels = batch.targets[0].as<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(labels.begin(), labels.end()), (std::vector<int32_t>{4, 0, 1, 2}));
    const auto weights = batch.weights.floats();
    EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()), (std::vector<float>{1, 0, 0, 0}));
    // Fewer samples than a batch: the filling goes round.
    Batch large(*part.dataset, 7);
    fillBatch(countingPart(2), 0, Preprocess{}, large);
    const auto round = large.targets[0].as<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(round.begin(), round.end()), (std::vector<int32_t>{0, 1, 0, 1, 0, 1, 0}));
}

TEST(BatchLoader, deliversEverySampleOnceAnEpoch)
{
    auto loader = BatchLoader::create(countingPart(50), {}, options(16)).value();
    EXPECT_EQ(loader->batchesPerEpoch(), 4);
    std::vector<std::vector<int32_t>> epochs;
    for (int epoch = 0; epoch < 3; ++epoch) {
        auto labels = deliver(*loader, 4);
        // The last batch has two samples and is filled from the start of the epoch.
        EXPECT_TRUE(std::equal(labels.begin() + 50, labels.end(), labels.begin()));
        labels.resize(50);
        epochs.push_back(labels);
        std::sort(labels.begin(), labels.end());
        for (int32_t i = 0; i < 50; ++i)
            EXPECT_EQ(labels[static_cast<size_t>(i)], i);
    }
    EXPECT_NE(epochs[0], epochs[1]);
    EXPECT_NE(epochs[1], epochs[2]);
}

TEST(BatchLoader, orderDependsOnTheSeedAlone)
{
    auto first = BatchLoader::create(countingPart(50), {}, options(16)).value();
    const auto expected = deliver(*first, 30);
    for (int threads : {0, 1, 2, 4}) {
        auto again = BatchLoader::create(countingPart(50), {}, options(16, 3, {}, threads)).value();
        EXPECT_EQ(deliver(*again, 30), expected) << threads;
    }
    auto other = BatchLoader::create(countingPart(50), {}, options(16, 4)).value();
    EXPECT_NE(deliver(*other, 30), expected);
}

TEST(BatchLoader, theConsumerAssemblesWhatNoThreadHasBegun)
{
    auto loader = BatchLoader::create(countingPart(50), {}, options(16, 3, {}, 0)).value();
    deliver(*loader, 10);
    EXPECT_GT(loader->waitedSeconds(), 0);
    loader->stop();
    EXPECT_TRUE(failsWith(loader->next(), {"stopped"}));
}

TEST(BatchLoader, withoutShufflingKeepsTheOrder)
{
    LoaderOptions plain = options(4);
    plain.shuffle = false;
    auto loader = BatchLoader::create(countingPart(6), {}, plain).value();
    EXPECT_EQ(deliver(*loader, 3), (std::vector<int32_t>{0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2, 3}));
}

TEST(BatchLoader, continuesAtASavedPosition)
{
    auto whole = BatchLoader::create(countingPart(50), {}, options(16)).value();
    const auto expected = deliver(*whole, 12);
    for (int64_t done = 0; done < 12; ++done) {
        auto begun = BatchLoader::create(countingPart(50), {}, options(16)).value();
        auto labels = deliver(*begun, done);
        const LoaderPosition position = begun->position();
        auto resumed = BatchLoader::create(countingPart(50), {}, options(16, 3, position)).value();
        const auto rest = deliver(*resumed, 12 - done);
        labels.insert(labels.end(), rest.begin(), rest.end());
        EXPECT_EQ(labels, expected) << done;
    }
}

TEST(BatchLoader, reusesItsBuffers)
{
    LoaderOptions few = options(8);
    few.queueLength = 3;
    auto loader = BatchLoader::create(countingPart(50), {}, few).value();
    std::vector<const std::byte*> seen;
    for (int i = 0; i < 40; ++i) {
        const std::byte* data = loader->next().value()->samples.data();
        if (std::find(seen.begin(), seen.end(), data) == seen.end())
            seen.push_back(data);
    }
    EXPECT_EQ(seen.size(), 3u);
}

TEST(BatchLoader, keepsTheBatchOfTheConsumer)
{
    auto loader = BatchLoader::create(countingPart(50), {}, options(8, 3, {}, 4)).value();
    for (int i = 0; i < 20; ++i) {
        const Batch& batch = *loader->next().value();
        const Tensor copy = batch.samples;
        std::this_thread::yield();
        EXPECT_TRUE(std::equal(copy.data(), copy.data() + copy.bytes(), batch.samples.data()));
    }
}

TEST(BatchLoader, stopsWhetherReadOrNot)
{
    {
        auto unread = BatchLoader::create(countingPart(50), {}, options(16, 3, {}, 2)).value();
    }
    auto loader = BatchLoader::create(countingPart(50), {}, options(16)).value();
    deliver(*loader, 2);
    loader->stop();
    loader->stop();
    EXPECT_TRUE(failsWith(loader->next(), {"stopped"}));
}

/// The consumer is made to wait by a dataset that takes its thread long to assemble, and stopped from another
/// one.
TEST(BatchLoader, stopWakesAWaitingConsumer)
{
    auto loader = BatchLoader::create(countingPart(50), {}, options(65536)).value();
    std::jthread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        loader->stop();
    });
    while (loader->next()) {
    }
    EXPECT_GT(loader->waitedSeconds(), 0);
    EXPECT_FALSE(loader->next().ok());
}

TEST(BatchLoader, aFailureInTheThreadReachesTheConsumer)
{
    DataPart part = countingPart(4);
    Preprocess broken;
    broken.mean = {};
    broken.deviation = {1};
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{4, 1, 2}); // two channels, one deviation
    for (int threads : {0, 1}) {
        auto loader = BatchLoader::create(wholePart(dataset), broken, options(2, 3, {}, threads)).value();
        EXPECT_TRUE(failsWith(loader->next(), {"Assembling a batch failed"})) << threads;
    }
}

TEST(BatchLoader, refusesImpossibleOptions)
{
    EXPECT_TRUE(
        failsWith(BatchLoader::create({countingPart(5).dataset, {}}, {}, options(4)), {"no samples"}));
    EXPECT_TRUE(failsWith(BatchLoader::create(countingPart(5), {}, options(0)), {"batch size"}));
    EXPECT_TRUE(
        failsWith(BatchLoader::create(countingPart(5), {}, options(4, 1, {0, 2})), {"batch 2", "2 batches"}));
    EXPECT_TRUE(failsWith(BatchLoader::create(countingPart(5), {}, options(4, 1, {-1, 0})), {"epoch -1"}));
    EXPECT_TRUE(failsWith(BatchLoader::create(countingPart(5), {}, options(100000)), {"65536"}));
}

} // namespace
} // namespace gradloom::data
