// What the open window costs training: the same run in turn with snapshots published and polled as the window
// polls, and without. Pairs of runs, so that a machine that changes its speed disturbs little.

#include "tests/bench/bench_trainer.h"

#include "engine/train/run_data.h"
#include "engine/train/train_session.h"
#include "source_dir.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <ctime>
#include <thread>

using namespace gradloom;
using bench::take;

namespace {

struct Options
{
    std::string model = GRADLOOM_SOURCE_DIR "/tests/bench/models/w1_classic_cnn.gradloom.json";
    int64_t batch = 64;
    int64_t steps = 1500;
    int pairs = 9;
    int threads = 0;
};

struct Cost
{
    double wall = 0;      ///< milliseconds of a step
    double processor = 0; ///< milliseconds of processor time of a step, all threads of the process
    int snapshots = 0;
};

/// One run. The window polls everything at its frame rate; without it the steps alone are polled, as on a
/// terminal.
Cost train(const project::Project& project, const std::shared_ptr<const train::RunData>& data,
    const Options& options, bool window)
{
    train::SessionOptions session;
    session.threads = options.threads;
    session.data = data;
    session.maxSteps = options.steps;
    session.publish = window;
    session.startPaused = true; // what is prepared before the first step does not count
    train::TrainSession training(project, session);
    while (training.state() == train::State::Preparing)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::vector<train::StepMetrics> steps;
    std::vector<train::EpochMetrics> epochs;
    Cost cost;
    const std::clock_t begin = std::clock();
    training.resume();
    while (!training.result()) {
        training.pollSteps(steps);
        if (window) {
            training.pollEpochs(epochs);
            cost.snapshots += training.pollSnapshot() ? 1 : 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(window ? 16 : 250));
    }
    training.pollSteps(steps);
    const train::SessionResult result = training.wait();
    if (result.error)
        throw std::runtime_error(result.error->message);
    const auto count = static_cast<double>(result.steps);
    cost.processor = 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / count;
    cost.wall = 1e3 * steps.back().seconds / count;
    return cost;
}

void run(const Options& options)
{
    project::Project project = take(project::loadProject(options.model));
    project.data.source = {
        "shapes", {{"training", 100 * options.batch}, {"test", int64_t{100}}, {"size", int64_t{28}}}};
    project.training.batch = options.batch;
    project.training.epochs = options.steps / 100 + 1;
    project.training.validationShare = 0;
    const auto data = std::make_shared<const train::RunData>(take(train::loadRunData(project, {})));
    train(project, data, options, true);
    std::printf(
        "| pair | closed, ms/step | open | wall | processor | snapshots |\n|---|---|---|---|---|---|\n");
    std::vector<double> wall;
    std::vector<double> processor;
    for (int pair = 0; pair < options.pairs; ++pair) {
        // Who goes first changes, or a slow drift would count for one side.
        const bool openFirst = pair % 2 == 1;
        const Cost first = train(project, data, options, openFirst);
        const Cost second = train(project, data, options, !openFirst);
        const Cost& open = openFirst ? first : second;
        const Cost& closed = openFirst ? second : first;
        wall.push_back(100 * (open.wall / closed.wall - 1));
        processor.push_back(100 * (open.processor / closed.processor - 1));
        std::printf("| %d | %.3f | %.3f | %+.2f %% | %+.2f %% | %d |\n", pair + 1, closed.wall, open.wall,
            wall.back(), processor.back(), open.snapshots);
        std::fflush(stdout);
    }
    std::printf("\nMedian cost of publishing: %+.2f %% wall time, %+.2f %% processor time\n",
        bench::median(wall), bench::median(processor));
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app("Measures what publishing snapshots for the window costs training.");
    app.add_option("--model", options.model, "Project file");
    app.add_option("--batch", options.batch, "Batch size")->check(CLI::Range(1, 4096));
    app.add_option("--steps", options.steps, "Steps of a run")->check(CLI::Range(100, 1000000));
    app.add_option("--pairs", options.pairs, "Pairs of runs")->check(CLI::Range(1, 1000));
    app.add_option("--threads", options.threads, "Threads; 0: all cores");
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "publish_bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
