#include "engine/base/philox.h"
#include "engine/project/project.h"
#include "engine/train/model.h"
#include "engine/train/step_program.h"
#include "source_dir.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/test_util.h"

#include <cmath>

/// Whole training steps by the operations of the GPU: fused chains, memory plan, optimizer.
namespace gradloom {
namespace {

namespace fs = std::filesystem;

constexpr int64_t batch = 3;

std::vector<fs::path> benchmarkModels()
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(GRADLOOM_SOURCE_DIR) / "tests/bench/models"))
        if (entry.path().filename().string().ends_with(".gradloom.json"))
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

Tensor randomTensor(const TensorType& type, Random& random)
{
    Tensor t(type.shape, type.dtype);
    if (type.dtype == DType::I32)
        for (int32_t& x : t.as<int32_t>())
            x = static_cast<int32_t>(random.below(2));
    else
        for (float& x : t.floats())
            x = random.uniform();
    return t;
}

/// Losses of some steps on a device, each with new samples.
std::vector<float> losses(const project::Project& project, std::shared_ptr<backend::Backend> device)
{
    const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};
    const auto model = train::Model::create(project.graph, labels, device, 7).value();
    const auto* optimizer = train::optimizerTypes().find("adam");
    train::ProgramOptions options;
    options.batch = batch;
    options.labels = labels;
    options.training = true;
    const Params params = completeParams(optimizer->parameters, {}, "adam").value();
    auto program = train::trainingProgram(project.graph, options, {{optimizer, params}}).value();
    backend::ModelMemory memory = model->memory();
    memory.slots = backend::allocateModel(*device, program).value().slots;
    const auto step = train::LoadedProgram::load(*device, memory, std::move(program)).value();
    Tensor ones(Shape{batch});
    std::fill(ones.floats().begin(), ones.floats().end(), 1.0F);
    step->write("weights", ones);
    step->write("filled", ones);
    step->write("learning_rate", 1e-3F);
    Random random(3);
    std::vector<float> result;
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t words[4] = {1, 0, i, 0};
        for (const char* name : {"input", "labels"}) // autoencoders and GANs read no labels
            if (const TensorType* type = step->inputType(name))
                step->write(name, randomTensor(*type, random));
        step->write("random", std::as_bytes(std::span(words)));
        step->write("step", static_cast<float>(i + 1));
        step->run();
        result.push_back(step->readNumber("loss"));
    }
    return result;
}

class CudaStep : public testing::TestWithParam<fs::path>
{
};

TEST_P(CudaStep, GivesTheLossesOfTheCpu)
{
    const auto project = project::loadProject(GetParam());
    ASSERT_TRUE(test::succeeded(project));
    const auto expected = losses(*project, backend::open("cpu", {2}).value());
    const auto actual = losses(*project, tests::openEmulatedCuda());
    for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(actual[i], expected[i], 1e-4F * (1 + std::abs(expected[i]))) << "step " << i;
}

INSTANTIATE_TEST_SUITE_P(Benchmarks, CudaStep, testing::ValuesIn(benchmarkModels()), [](const auto& info) {
    const std::string name = info.param.filename().string();
    return name.substr(0, name.find('.'));
});

} // namespace
} // namespace gradloom
