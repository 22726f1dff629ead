#include "engine/train/rate_search.h"

#include "engine/graph/adversary.h"
#include "engine/train/memory_need.h"
#include "engine/train/methods.h"
#include "engine/train/stepper.h"

#include <algorithm>
#include <cmath>

namespace gradloom::train {

namespace {

constexpr double smoothing = 0.9;
constexpr double lostFactor = 4; ///< of the smallest smoothed loss: from here on it only grows
constexpr size_t shortestSearch = 5;

/// What the search trains with.
struct SearchRun
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;
    std::unique_ptr<data::BatchLoader> loader;
};

Result<SearchRun> startSearch(
    const project::Project& project, const RunData& data, const RateSearchOptions& options)
{
    auto game = graph::findAdversary(project.graph);
    if (!game)
        return game.error();
    if (*game)
        return invalidArgument(
            "A GAN's losses do not fall while it learns, so no learning rate can be read off them.",
            (*game)->objective);
    auto methods = chooseMethods(project.training);
    if (!methods)
        return methods.error();
    auto device = backend::open(options.device, methods->options.device(options.threads));
    if (!device)
        return device.error();
    StepperOptions stepping = stepperOptions(project, *methods, data.labels());
    stepping.recipe.rule.emaDecay = 0;
    stepping.accumulate = 1; // each batch tries a rate
    stepping.stepsPerEpoch = options.steps + 1;
    stepping.program.augmentedViews = data.viewsOn(**device);
    if (Status status = reserveMemory(**device, project.graph, {stepping}); !status)
        return status.error();
    SearchRun run;
    auto model = Model::create(project.graph, data.labels(), std::move(*device), project.training.seed);
    if (!model)
        return model.error();
    run.model = std::move(*model);
    auto stepper = Stepper::create(*run.model, std::move(stepping));
    if (!stepper)
        return stepper.error();
    run.stepper = std::move(*stepper);
    data::LoaderOptions loading;
    loading.batchSize = project.training.batch;
    loading.seed = project.training.seed;
    loading.augment = data.augment;
    loading.augmentInStep = data.viewsOn(run.model->device()) > 0;
    auto loader = data::BatchLoader::create(data.split.training, data.preprocess, loading);
    if (!loader)
        return loader.error();
    run.loader = std::move(*loader);
    return run;
}

Status checkSearch(const RateSearchOptions& options)
{
    if (!(options.lowest > 0) || !(options.highest > options.lowest) || !std::isfinite(options.highest))
        return invalidArgument(
            "The learning rate must grow from a number above 0 to a larger one, but the search goes "
            "from " +
            formatParam(options.lowest) + " to " + formatParam(options.highest) + ".");
    if (options.steps < static_cast<int64_t>(2 * shortestSearch))
        return invalidArgument("A search for the learning rate needs at least 10 steps but has " +
                               std::to_string(options.steps) + ".");
    return {};
}

} // namespace

Result<RateSearch> searchLearningRate(
    const project::Project& project, const RunData& data, const RateSearchOptions& options)
{
    if (Status status = checkSearch(options); !status)
        return status.error();
    auto run = startSearch(project, data, options);
    if (!run)
        return run.error();
    RateSearch search;
    double average = 0;
    double best = 0;
    const double growth =
        std::pow(options.highest / options.lowest, 1.0 / static_cast<double>(options.steps - 1));
    for (int64_t step = 0; step < options.steps; ++step) {
        if (options.cancelled && options.cancelled())
            return Error{ErrorCode::Internal, "The search was stopped.", {}};
        auto batch = run->loader->next();
        if (!batch)
            return batch.error();
        const double rate = options.lowest * std::pow(growth, static_cast<double>(step));
        const auto seed = static_cast<int32_t>(project.training.seed);
        run->stepper->step(**batch, {step, rate, {seed, 0, static_cast<int32_t>(step), 0}});
        const double loss = run->stepper->take(true)->loss;
        if (!std::isfinite(loss))
            break;
        average = smoothing * average + (1 - smoothing) * loss;
        const double smoothed = average / (1 - std::pow(smoothing, static_cast<double>(step + 1)));
        search.points.push_back({rate, loss, smoothed});
        best = step == 0 ? smoothed : std::min(best, smoothed);
        if (options.progress)
            options.progress(step + 1, options.steps);
        if (smoothed > lostFactor * best && best > 0)
            break;
    }
    suggestRate(search);
    return search;
}

void suggestRate(RateSearch& search)
{
    search.suggestion.reset();
    search.lowest.reset();
    const auto& points = search.points;
    if (points.size() < 2 * shortestSearch)
        return;
    // The first losses are hardly averaged yet, and a fall behind the lowest point is a jump back, not
    // learning. Slopes are taken over a tenth of the way, because from point to point the loss jumps.
    const size_t reach = std::max<size_t>(1, points.size() / 20);
    const size_t first = std::max(shortestSearch, points.size() / 10);
    size_t bottom = first;
    for (size_t i = first; i < points.size(); ++i)
        if (points[i].smoothed < points[bottom].smoothed)
            bottom = i;
    double steepest = 0;
    for (size_t i = first; i < bottom; ++i) {
        const auto& before = points[i - reach];
        const auto& after = points[std::min(i + reach, points.size() - 1)];
        const double rise = (after.smoothed - before.smoothed) / std::log(after.rate / before.rate);
        if (rise < steepest) {
            steepest = rise;
            search.suggestion = points[i].rate;
        }
    }
    if (search.suggestion)
        search.lowest = points[bottom].rate;
}

} // namespace gradloom::train
