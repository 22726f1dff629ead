// Milliseconds of a training step of the networks in tests/bench/models, and how much of the machine's
// arithmetic it uses. With --losses, what the first steps compute from given weights and data instead:
// compare_pytorch.py checks with it that both programs do the same.

#include "tests/bench/bench_trainer.h"

#include "engine/backend/cpu/kernels/simd.h"
#include "engine/backend/cpu/machine_peaks.h"
#include "engine/base/thread_pool.h"
#include "engine/project/safetensors.h"
#include "engine/train/training_options.h"
#include "source_dir.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>

using namespace gradloom;
using bench::take;

namespace {

struct Options
{
    std::vector<std::string> models;
    std::vector<int64_t> batches; ///< none: those of models/goals.json
    bench::BenchDevice device;
    int threads = 0;
    int rounds = 5;
    int steps = 30;
    int warmUp = 10;
    bool json = false;
    bool losses = false;
    std::string weights;
    std::string data;
    std::string precision = "tf32"; ///< of a GPU
};

std::filesystem::path modelsFolder()
{
    return std::filesystem::path(GRADLOOM_SOURCE_DIR) / "tests/bench/models";
}

std::vector<std::string> allModels()
{
    std::vector<std::string> models;
    for (const auto& entry : std::filesystem::directory_iterator(modelsFolder()))
        if (entry.path().string().ends_with(".gradloom.json"))
            models.push_back(entry.path().string());
    std::sort(models.begin(), models.end());
    return models;
}

/// Some random batches in memory, used in turn. Tokens, where the network takes them, are below `vocabulary`;
/// 0 is left to padding.
std::vector<data::Batch> randomBatches(const TensorType& input, int32_t vocabulary, int32_t classes)
{
    constexpr int count = 4;
    std::vector<data::Batch> batches;
    std::mt19937 random(1);
    std::uniform_real_distribution<float> values(0.0F, 1.0F);
    for (int i = 0; i < count; ++i) {
        Tensor x(input.shape, input.dtype);
        if (input.dtype == DType::I32)
            for (int32_t& v : x.as<int32_t>())
                v = 1 + static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary - 1));
        else
            for (float& v : x.floats())
                v = values(random);
        Tensor t(Shape{input.shape[0]}, DType::I32);
        for (int32_t& v : t.as<int32_t>())
            v = static_cast<int32_t>(random() % static_cast<uint32_t>(classes));
        batches.push_back(bench::BenchTrainer::batchOf(std::move(x), std::move(t)));
    }
    return batches;
}

/// Number of tokens that the drawing's Embedding knows; 2 where it has none.
int32_t vocabularyOf(const graph::Graph& graph)
{
    for (const graph::Node& node : graph.nodes)
        if (node.type == "embedding")
            return static_cast<int32_t>(node.params.integerOr("vocabulary", 10000));
    return 2;
}

struct Measured
{
    std::string model;
    int64_t batch = 0;
    std::vector<double> rounds; ///< milliseconds of a step, the median of each round
    double flops = 0;
    double fastest = 1e30;     ///< milliseconds of the fastest step
    double mean = 0;           ///< milliseconds of a step over all rounds, interruptions included
    double processor = 0;      ///< milliseconds of processor time of a step, all threads
    int64_t residentBytes = 0; ///< peak of this process up to the end of this model
    int64_t deviceBytes = 0;   ///< of a GPU's memory
    std::string deviceName;

    double milliseconds() const { return bench::median(rounds); }
    double samplesPerSecond() const { return 1e3 * static_cast<double>(batch) / milliseconds(); }
    double gflops() const { return flops / milliseconds() * 1e-6; }
};

Measured measure(const std::string& path, int64_t batch, const Options& options)
{
    const project::Project project = take(project::loadProject(path));
    bench::BenchTrainer trainer(project, batch, options.device);
    const auto batches = randomBatches(trainer.inputType(), vocabularyOf(project.graph), 2);
    Measured result;
    result.model = project.name;
    result.batch = batch;
    result.flops = trainer.flops();
    size_t number = 0;
    const auto step = [&] { trainer.step(batches[number++ % batches.size()]); };
    for (int i = 0; i < options.warmUp; ++i)
        step();
    const std::clock_t processorBegin = std::clock();
    const auto wallBegin = std::chrono::steady_clock::now();
    for (int round = 0; round < options.rounds; ++round) {
        std::vector<double> times;
        for (int i = 0; i < options.steps; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            step();
            const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
            times.push_back(time.count());
        }
        result.rounds.push_back(bench::median(times));
        result.fastest = std::min(result.fastest, *std::min_element(times.begin(), times.end()));
    }
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - wallBegin;
    result.mean = wall.count() / static_cast<double>(options.rounds * options.steps);
    result.processor = 1e3 * static_cast<double>(std::clock() - processorBegin) / CLOCKS_PER_SEC /
                       static_cast<double>(options.rounds * options.steps);
    result.residentBytes = bench::peakResidentBytes();
    result.deviceBytes = trainer.deviceBytes();
    result.deviceName = trainer.deviceName();
    return result;
}

/// What the arithmetic of a device is called and at its best; of a GPU it is not known.
struct Machine
{
    std::string name;
    double peak = 0; ///< GFLOP/s
};

Machine machineOf(const Options& options, const std::vector<Measured>& all)
{
    if (options.device.id != "cpu")
        return {all.at(0).deviceName + ", " + options.precision, 0};
    const int threads = options.threads > 0 ? options.threads : ThreadPool::availableCores();
    const double peak = cpu::measurePeaks(threads).gflops;
    char text[120];
    std::snprintf(text, sizeof text, "%s, %d threads, FMA peak %.0f GFLOP/s", cpu::simdTarget().c_str(), threads, peak);
    return {text, peak};
}

void printTable(const std::vector<Measured>& all, const Machine& machine)
{
    std::printf("%s, median of %zu rounds\n\n", machine.name.c_str(), all.empty() ? 0 : all[0].rounds.size());
    std::printf("| model | batch | ms/step | fastest | samples/s | GFLOP/s | share of peak |\n");
    std::printf("|---|---|---|---|---|---|---|\n");
    for (const Measured& m : all) {
        std::printf("| %s | %lld | %.3f | %.3f | %.0f | %.1f | ", m.model.c_str(), static_cast<long long>(m.batch),
            m.milliseconds(), m.fastest, m.samplesPerSecond(), m.gflops());
        if (machine.peak > 0)
            std::printf("%.0f %% ", 100 * m.gflops() / machine.peak);
        std::printf("|\n");
    }
}

/// Resident memory before anything was done.
const int64_t startBytes = bench::peakResidentBytes();

void printJson(const std::vector<Measured>& all, const Machine& machine)
{
    nlohmann::json json{{"machine", machine.name}, {"peak_gflops", machine.peak}, {"start_resident_bytes", startBytes},
        {"results", nlohmann::json::array()}};
    for (const Measured& m : all)
        json["results"].push_back({{"model", m.model}, {"batch", m.batch}, {"ms_per_step", m.milliseconds()},
            {"fastest_ms", m.fastest}, {"samples_per_second", m.samplesPerSecond()}, {"gflops", m.gflops()},
            {"rounds_ms", m.rounds}, {"mean_ms_per_step", m.mean}, {"processor_ms_per_step", m.processor},
            {"peak_resident_bytes", m.residentBytes}, {"device_bytes", m.deviceBytes}});
    std::cout << json.dump() << '\n';
}

/// The losses of training from given weights on given batches: "samples" (steps × batch × sample) and
/// "labels" (steps × batch); in a GAN's game two for each step, the discriminator's and the generator's.
/// Dropout is switched off, because what it drops is another program's random numbers. Noise is not: both
/// programs make the same.
void printLosses(const Options& options)
{
    project::Project project = take(project::loadProject(options.models.at(0)));
    for (graph::Node& node : project.graph.nodes)
        for (const char* option : {"rate", "dropout", "recurrent_dropout"})
            if (node.params.has(option))
                node.params.set(option, 0.0);
    const auto data = take(project::loadSafetensors(options.data)).tensors;
    const Tensor& samples = data.at("samples");
    const Tensor& labels = data.at("labels");
    const int64_t batch = labels.shape()[1];
    bench::BenchTrainer trainer(project, batch, options.device);
    take(trainer.model().loadWeights(options.weights));
    nlohmann::json losses = nlohmann::json::array();
    const auto steps = static_cast<size_t>(labels.shape()[0]);
    for (size_t i = 0; i < steps; ++i) {
        const auto part = [&](const Tensor& all, const Shape& shape) {
            Tensor one(shape, all.dtype());
            const auto bytes = static_cast<size_t>(one.bytes());
            std::memcpy(one.data(), all.data() + i * bytes, bytes);
            return one;
        };
        const train::StepResult result = trainer.step(bench::BenchTrainer::batchOf(
            part(samples, samples.shape().withoutFirst()), part(labels, Shape{batch})));
        losses.push_back(result.loss);
        if (!std::isnan(result.generatorLoss))
            losses.push_back(result.generatorLoss);
    }
    std::cout << losses.dump() << '\n';
}

/// The batches of a model in the goals.json beside it, else the project's.
std::vector<int64_t> batchesOf(const std::string& path)
{
    std::ifstream file(std::filesystem::path(path).parent_path() / "goals.json");
    const auto goals = file ? nlohmann::json::parse(file) : nlohmann::json::object();
    const std::string name = std::filesystem::path(path).filename().string();
    std::vector<int64_t> batches;
    if (const auto it = goals.find(name.substr(0, name.find('.'))); it != goals.end())
        for (const auto& [batch, ratio] : it->items())
            batches.push_back(std::stoll(batch));
    else
        batches.push_back(take(project::loadProject(path)).training.batch);
    std::sort(batches.begin(), batches.end());
    return batches;
}

void run(const Options& options)
{
    if (options.losses)
        return printLosses(options);
    std::vector<Measured> all;
    for (const std::string& model : options.models)
        for (const int64_t batch : options.batches.empty() ? batchesOf(model) : options.batches)
            all.push_back(measure(model, batch, options));
    const Machine machine = machineOf(options, all); // afterwards, because measuring it takes memory
    (options.json ? printJson : printTable)(all, machine);
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app("Times training steps of the networks in tests/bench/models.");
    app.add_option("--models", options.models, "Project files; all in tests/bench/models by default");
    app.add_option("--batch", options.batches, "Batch sizes; those that the goals are for by default")
        ->check(CLI::Range(1, 65536));
    app.add_option("--threads", options.threads, "Threads; 0: all cores");
    app.add_option("--device", options.device.id, "cpu, cuda, cuda:1");
    app.add_option("--precision", options.precision, "Of a GPU's products: float32, tf32 or bf16");
    app.add_option("--rounds", options.rounds, "Rounds")->check(CLI::Range(1, 1000));
    app.add_option("--steps", options.steps, "Steps in a round")->check(CLI::Range(1, 100000));
    app.add_option("--warm-up", options.warmUp, "Steps before the first round");
    app.add_flag("--json", options.json, "Print JSON instead of a table");
    auto* losses =
        app.add_flag("--losses", options.losses, "Print the losses of the first steps instead of times");
    auto* weights =
        app.add_option("--weights", options.weights, "Starting weights, .safetensors")->needs(losses);
    auto* data =
        app.add_option("--data", options.data, "Batches, .safetensors: samples and labels")->needs(losses);
    losses->needs(weights)->needs(data);
    CLI11_PARSE(app, argc, argv);
    if (options.models.empty())
        options.models = allModels();
    try {
        options.device.options =
            take(train::readTrainingOptions({{"precision", options.precision}})).device(options.threads);
        run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "train_bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
