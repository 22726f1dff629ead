#include "engine/train/evaluate.h"
#include "engine/train/memory_need.h"
#include "engine/train/publisher.h"
#include "engine/train/rate_search.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <regex>

/// The memory that a run takes on a device is known before it begins: pretended GPUs count what is taken of
/// them.
namespace gradloom {
namespace {

using namespace train;

/// A picture of 16×16 through a narrow place back to a picture.
project::Project smallAutoencoder()
{
    project::Project project = train_test::smallProject();
    project.graph = test::chain({test::node("input", "input", {{"shape", train_test::list({16, 16, 1})}}),
        test::node("conv", "conv2d", {{"filters", int64_t{4}}, {"stride", train_test::list({2, 2})}}),
        test::node("flat", "flatten"), test::node("code", "dense", {{"units", int64_t{8}}}),
        test::node("back", "dense", {{"units", int64_t{256}}}),
        test::node("picture", "reshape", {{"shape", train_test::list({16, 16, 1})}}),
        test::node("loss", "mse")});
    project.graph.edges.push_back({"input", 0, "loss", 1});
    return project;
}

struct SmallRun
{
    std::string name;
    project::Project project;
    size_t devices = 0; ///< that share the batches; 0: one that does not
};

std::vector<SmallRun> runs()
{
    std::vector<SmallRun> all{{"plain", train_test::smallProject()}, {"autoencoder", smallAutoencoder()},
        {"GAN", train_test::smallGan("wasserstein", 2)}, {"two devices", train_test::smallProject(), 2},
        {"gathering", train_test::smallProject()},
        {"gathering on two devices", train_test::smallProject(), 2},
        {"augmented", train_test::smallProject()}, {"not validated", train_test::smallProject()}};
    for (const size_t gathering : {4, 5}) {
        all[gathering].project.training.options = {
            {"accumulate", int64_t{3}}, {"ema_decay", 0.9}, {"clip_norm", 1.0}, {"restore_best", true}};
        all[gathering].project.training.optimizer = {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}};
    }
    all[6].project.data.augment = {{"mixup", 0.2}, {"flip", std::string("both")}};
    all[7].project.training.validationShare = 0;
    return all;
}

class TrainMemory : public testing::Test
{
protected:
    void SetUp() override
    {
        environment.useModule(FAKE_CUDA);
        environment.set("GRADLOOM_FAKE_DEVICES", "2");
        environment.set("GRADLOOM_FAKE_SUM_BYTES", "1000");
    }

    static SessionOptions optionsOf(const SmallRun& run, bool publish)
    {
        SessionOptions options;
        options.data = train_test::dataOf(run.project);
        options.device = "cuda:0";
        for (size_t i = 0; i < run.devices; ++i)
            options.devices.push_back("cuda:" + std::to_string(i));
        options.threads = 2;
        options.publish = publish;
        return options;
    }

    static MemoryNeed needOf(const SmallRun& run, const SessionOptions& options)
    {
        auto need = memoryNeed(run.project, options.data->labels(), options);
        EXPECT_TRUE(need.ok()) << (need.ok() ? "" : need.error().message);
        return need.ok() ? *need : MemoryNeed();
    }

    /// Of the project with another batch size.
    static SessionResult trainedWith(SmallRun run, const SessionOptions& options, int64_t batch)
    {
        run.project.training.batch = batch;
        return train_test::trained(run.project, options);
    }

    void giveEachDevice(int64_t bytes) { environment.set("GRADLOOM_FAKE_MEMORY", std::to_string(bytes)); }

    test::Environment environment;
};

int64_t proposedBatch(const SessionResult& refused)
{
    EXPECT_TRUE(refused.error);
    if (!refused.error)
        return 0;
    EXPECT_EQ(refused.error->code, ErrorCode::OutOfMemory);
    std::smatch found;
    EXPECT_TRUE(std::regex_search(refused.error->message, found, std::regex("A batch size of ([0-9]+) fits")))
        << refused.error->message;
    return found.empty() ? 0 : std::stoll(found[1]);
}

} // namespace

/// Trains to the end, with validation and everything that is shown, in exactly as much memory as was said.
TEST_F(TrainMemory, ARunTakesWhatWasSaidAndNoMore)
{
    for (const SmallRun& run : runs())
        for (const bool publish : {false, true}) {
            SCOPED_TRACE(run.name + (publish ? ", shown" : ""));
            const SessionOptions options = optionsOf(run, publish);
            const int64_t need = needOf(run, options).total();
            giveEachDevice(need);
            const SessionResult fits = train_test::trained(run.project, options);
            EXPECT_FALSE(fits.error) << fits.error->message;
            EXPECT_EQ(fits.epochs.size(), 2u);
            giveEachDevice(need - 1);
            const SessionResult refused = train_test::trained(run.project, options);
            EXPECT_LT(proposedBatch(refused), run.project.training.batch);
            EXPECT_NE(refused.error->message.find("needs " + memoryText(need)), std::string::npos)
                << refused.error->message;
        }
}

TEST_F(TrainMemory, TheProposedBatchFitsAndTheNextLargerOneDoesNot)
{
    for (const SmallRun& run : runs()) {
        SCOPED_TRACE(run.name);
        const SessionOptions options = optionsOf(run, true);
        giveEachDevice(needOf(run, options).total() * 6 / 10);
        const int64_t batch = proposedBatch(train_test::trained(run.project, options));
        ASSERT_GT(batch, 0);
        const SessionResult fits = trainedWith(run, options, batch);
        EXPECT_FALSE(fits.error) << fits.error->message;
        const auto step = static_cast<int64_t>(std::max<size_t>(run.devices, 1));
        ASSERT_LE(batch + step, run.project.training.batch);
        const SessionResult next = trainedWith(run, options, batch + step);
        ASSERT_TRUE(next.error);
        EXPECT_EQ(next.error->code, ErrorCode::OutOfMemory);
    }
}

/// What the parts are, and that nothing is counted that is not taken.
TEST_F(TrainMemory, TheNeedIsWhatIsTaken)
{
    for (const SmallRun& run : runs()) {
        if (run.devices > 0)
            continue;
        SCOPED_TRACE(run.name);
        const SessionOptions session = optionsOf(run, true);
        const MemoryNeed need = needOf(run, session);
        const Methods methods = chooseMethods(run.project.training).value();
        std::shared_ptr<backend::Backend> device = backend::open("cuda:0", methods.options.device(2)).value();
        int64_t before = device->memory().free;
        const auto taken = [&] {
            return std::exchange(before, device->memory().free) - device->memory().free;
        };
        const auto model = Model::create(run.project.graph, session.data->labels(), device, 7).value();
        EXPECT_EQ(taken(), need.weights);
        StepperOptions options = stepperOptions(run.project, methods, session.data->labels());
        options.recipe.keepGradients = true;
        options.program.augmentedViews = session.data->viewsOn(*device);
        const auto stepper = Stepper::create(*model, options).value();
        EXPECT_EQ(taken(), need.optimizer + need.steps);
        const Tensor sample(session.data->loaded.sampleShape());
        const auto publisher = Publisher::create(*model, sample, *session.data).value();
        EXPECT_EQ(taken(), need.views);
        EXPECT_EQ(need.validation > 0, run.name != "GAN" && run.name != "not validated");
        if (need.validation > 0) {
            ASSERT_TRUE(prepareEvaluation(*model, validationBatch(options.program.batch, *device)));
            EXPECT_EQ(taken(), need.validation);
        }
        EXPECT_EQ(need.sums, 0);
    }
}

TEST_F(TrainMemory, GrowsWithWhatIsAskedFor)
{
    const auto needOfOptions = [](const project::Project& project, const std::string& device) {
        SessionOptions options;
        options.device = device;
        return memoryNeed(project, {}, options).value();
    };
    const auto project = train_test::smallProject();
    const MemoryNeed need = needOfOptions(project, "cuda:0");
    int64_t weights = 0;
    for (const auto& [name, tensor] : train_test::modelOf(project.graph)->weights())
        weights += tensor.bytes();
    EXPECT_NEAR(static_cast<double>(need.weights), static_cast<double>(weights), 2 * backend::memoryUnit);
    EXPECT_NEAR(
        static_cast<double>(need.optimizer), 2.0 * static_cast<double>(weights), 2 * backend::memoryUnit)
        << "Adam's two moments";
    auto larger = project;
    larger.training.batch = 64;
    larger.training.options.set("accumulate", int64_t{4});
    const MemoryNeed more = needOfOptions(larger, "cuda:0");
    EXPECT_GT(more.steps, 3 * need.steps) << "two programs of twice the size";
    EXPECT_GE(more.optimizer, need.optimizer + weights);
    EXPECT_GT(more.validation, need.validation) << "judges no more at a time than a step takes";
    larger.training.batch = 4096;
    EXPECT_LT(needOfOptions(larger, "cuda:0").validation, 8 * more.validation);
    auto mixed = project;
    mixed.data.augment = {{"mixup", 0.2}};
    const int64_t pictures = 32 * 16 * 16 * 4;
    EXPECT_GE(needOfOptions(mixed, "cuda:0").steps, need.steps + pictures);
    EXPECT_EQ(needOfOptions(mixed, "cpu").total(), needOfOptions(project, "cpu").total())
        << "on the CPU the loader mixes";
}

TEST_F(TrainMemory, SumsAreCountedWhereNcclAddsThemUp)
{
    const auto sums = [](std::vector<std::string> devices) {
        SessionOptions options;
        options.devices = std::move(devices);
        return memoryNeed(train_test::smallProject(), {}, options).value().sums;
    };
    EXPECT_EQ(sums({"cuda:0", "cuda:1"}), 1000);
    EXPECT_EQ(sums({"cuda:0", "cpu"}), 0) << "adds up in the host's memory";
    environment.set("GRADLOOM_FAKE_NCCL", "missing");
    EXPECT_EQ(sums({"cuda:0", "cuda:1"}), 0);
    // A run goes by the same.
    SmallRun run = runs()[3];
    const SessionOptions options = optionsOf(run, false);
    giveEachDevice(needOf(run, options).total());
    const SessionResult fits = train_test::trained(run.project, options);
    EXPECT_FALSE(fits.error) << fits.error->message;
}

/// Small passes would take longer there for nothing.
TEST_F(TrainMemory, TheCpuValidatesManySamplesAtATimeWhateverTheBatch)
{
    auto project = train_test::smallProject();
    const auto validation = [&](int64_t batch, const std::string& device) {
        project.training.batch = batch;
        SessionOptions options;
        options.device = device;
        return memoryNeed(project, {}, options).value().validation;
    };
    EXPECT_EQ(validation(2, "cpu"), validation(128, "cpu"));
    EXPECT_LT(validation(2, "cuda:0"), validation(128, "cuda:0"));
}

TEST_F(TrainMemory, ARunThatNeverFitsIsRefused)
{
    giveEachDevice(1000);
    const SessionResult hopeless = train_test::trained(runs()[0].project, optionsOf(runs()[0], false));
    ASSERT_TRUE(hopeless.error);
    EXPECT_NE(hopeless.error->message.find("Not even a batch of one sample fits"), std::string::npos);
}

/// To find the node at fault other programs are needed, which take memory where there is some.
TEST_F(TrainMemory, AFaultIsToldAlsoWhereNoMemoryIsLeftToLookForIt)
{
    SmallRun run = runs()[0];
    run.project.training.optimizer = {"sgd", {}};
    const SessionOptions options = optionsOf(run, false);
    std::string messages[2];
    for (const bool free : {false, true}) {
        giveEachDevice(needOf(run, options).total() * (free ? 2 : 1));
        const SessionResult result = train_test::trainedAtRate(1e30, run.project, options);
        ASSERT_TRUE(result.error);
        EXPECT_EQ(result.error->code, ErrorCode::Numerical) << result.error->message;
        EXPECT_EQ(result.error->node.empty(), !free);
        messages[free ? 1 : 0] = result.error->message;
    }
    const std::string what = messages[1].substr(0, messages[1].find(':'));
    EXPECT_EQ(messages[0].substr(0, what.size()), what);
}

TEST_F(TrainMemory, ASearchForTheRateIsRefusedWhereItDoesNotFit)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    RateSearchOptions options;
    options.steps = 12;
    options.device = "cuda:0";
    SessionOptions session;
    session.device = options.device;
    session.publish = false;
    const MemoryNeed need = memoryNeed(project, data->labels(), session).value();
    giveEachDevice(need.total() - need.validation);
    EXPECT_TRUE(searchLearningRate(project, *data, options).ok());
    giveEachDevice(need.total() - need.validation - 1);
    const auto refused = searchLearningRate(project, *data, options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::OutOfMemory);
}

TEST_F(TrainMemory, IsKnownWithoutOpeningTheDevice)
{
    const auto opened = backend::open("cuda:1").value();
    const auto planner = backend::planner("cuda:1").value();
    const auto program = judgingProgram(train_test::smallCnn(), {}, 8).value();
    EXPECT_EQ(planner->planBytes(compile::plan(program)), opened->planBytes(compile::plan(program)));
    EXPECT_EQ(planner->sumBytes(), 1000);
    for (const char* wrong : {"cuda:2", "cuda:9", "tpu"})
        EXPECT_EQ(backend::planner(wrong).error().message, backend::open(wrong).error().message);
    environment.set("GRADLOOM_FAKE_PROBLEM", "The driver was asked.");
    EXPECT_FALSE(backend::planner("cuda:2"));
    EXPECT_TRUE(backend::planner("cuda:1")) << "was seen before";
}

TEST(MemoryText, HasUnits)
{
    EXPECT_EQ(memoryText(0), "0 B");
    EXPECT_EQ(memoryText(999), "999 B");
    EXPECT_EQ(memoryText(1500), "1.5 kB");
    EXPECT_EQ(memoryText(38'000'000), "38 MB");
    EXPECT_EQ(memoryText(85'000'000'000), "85 GB");
}

} // namespace gradloom
