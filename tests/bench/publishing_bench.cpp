#include "source_dir.h"

#include "engine/train/run_data.h"
#include "engine/train/train_session.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

/// How much slower training is while somebody watches: the project once with snapshots published and polled
/// as the window does (60 times a second), once without, in turn. Usage: publishing_bench [PROJECT [STEPS
/// [ROUNDS]]]

using namespace gradloom;

namespace {

double secondsPerStep(const project::Project& project, const train::SessionOptions& options)
{
    train::TrainSession session(project, options);
    std::vector<train::StepMetrics> steps;
    while (!session.result()) {
        if (options.publish)
            session.pollSnapshot();
        session.pollSteps(steps);
        std::this_thread::sleep_for(std::chrono::milliseconds(16));
    }
    session.pollSteps(steps);
    if (steps.size() < 20 || session.result()->error) {
        std::fprintf(stderr, "%s\n",
            session.result()->error ? session.result()->error->message.c_str() : "too few steps");
        std::exit(1);
    }
    const auto& first = steps[9]; // what is done once is not counted
    return (steps.back().seconds - first.seconds) / static_cast<double>(steps.back().step - first.step);
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv)
{
    const std::filesystem::path path =
        argc > 1 ? argv[1] : GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json";
    auto project = project::loadProject(path);
    if (!project) {
        std::fprintf(stderr, "%s\n", project.error().message.c_str());
        return 1;
    }
    data::SourceContext context;
    context.projectFolder = path.parent_path();
    auto data = train::loadRunData(*project, context);
    if (!data) {
        std::fprintf(stderr, "%s\n", data.error().message.c_str());
        return 1;
    }
    project->training.epochs = 1000;
    train::SessionOptions options;
    options.data = std::make_shared<const train::RunData>(std::move(*data));
    options.maxSteps = argc > 2 ? std::atoll(argv[2]) : 1500;
    const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
    std::vector<double> quiet;
    std::vector<double> watched;
    for (int round = 0; round < rounds; ++round) {
        options.publish = false;
        quiet.push_back(secondsPerStep(*project, options));
        options.publish = true;
        watched.push_back(secondsPerStep(*project, options));
        std::printf("round %d: %.4f ms a step without, %.4f ms with publishing\n", round + 1,
            quiet.back() * 1e3, watched.back() * 1e3);
    }
    std::printf("median:  %.4f ms without, %.4f ms with: %+.2f %%\n", median(quiet) * 1e3,
        median(watched) * 1e3, 100 * (median(watched) / median(quiet) - 1));
    return 0;
}
