#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/progress.h"
#include "app/cli/text_table.h"
#include "engine/train/rate_search.h"

#include <cmath>

namespace gradloom::cli {

namespace {

struct RateOptions : CommonOptions
{
    train::RateSearchOptions search;
};

std::string rateText(double rate)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.2g", rate);
    return text;
}

Json searchJson(const train::RateSearch& search)
{
    Json points = Json::array();
    for (const auto& point : search.points)
        points.push_back({{"rate", point.rate}, {"loss", point.loss}, {"smoothed", point.smoothed}});
    return Json{{"suggestion", search.suggestion ? Json(*search.suggestion) : Json(nullptr)},
        {"lowest", search.lowest ? Json(*search.lowest) : Json(nullptr)}, {"points", points}};
}

std::string searchText(const train::RateSearch& search)
{
    constexpr size_t rows = 20;
    TextTable table({">learning rate", ">loss", ">smoothed"});
    const size_t count = search.points.size();
    for (size_t row = 0; row < std::min(rows, count); ++row) {
        const auto& point = search.points[count <= rows ? row : row * (count - 1) / (rows - 1)];
        table.add({rateText(point.rate), decimals(point.loss, 4), decimals(point.smoothed, 4)});
    }
    std::string text = table.toString() + "\n";
    if (!search.suggestion)
        return text + "The loss does not fall at any of these rates; look at the data and the drawing.\n";
    return text + "suggestion  " + rateText(*search.suggestion) +
           " (where the loss falls fastest)\nat most     " + rateText(*search.lowest) +
           " (where it is lowest)\n";
}

Status runLrFind(RateOptions options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto data = loadData(options, *project);
    if (!data)
        return data.error();
    options.search.device = options.device;
    options.search.threads = options.threads;
    options.search.progress = countProgress(options, "step");
    auto search = train::searchLearningRate(*project, **data, options.search);
    options.search.progress(0, 0); // the search may have ended early
    if (!search)
        return search.error();
    return emit(options, "lr-find", searchJson(*search), searchText(*search));
}

} // namespace

Command lr_find()
{
    return {
        "lr-find", "Try learning rates, from tiny to huge, and suggest one", [](CLI::App& app) {
            auto options = std::make_shared<RateOptions>();
            addCommonOptions(app, *options);
            app.add_option("--lowest", options->search.lowest, "First learning rate")->capture_default_str();
            app.add_option("--highest", options->search.highest, "Last learning rate")->capture_default_str();
            app.add_option("--steps", options->search.steps, "Batches from one to the other")
                ->check(CLI::Range(int64_t{10}, int64_t{1} << 24))
                ->capture_default_str();
            return [options] { return runLrFind(*options); };
        }};
}

} // namespace gradloom::cli
