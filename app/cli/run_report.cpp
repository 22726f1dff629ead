#include "app/cli/run_report.h"

#include "app/cli/text_table.h"
#include "engine/base/file.h"
#include "engine/data/image.h"
#include "engine/explain/method_type.h"
#include "engine/explain/overlay.h"
#include "engine/export/report.h"
#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "engine/train/metric_type.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

namespace gradloom::cli {

namespace {

constexpr int64_t maxRunBytes = 64 << 20;
constexpr int64_t maxHistoryBytes = int64_t{1} << 30;
constexpr size_t chartPoints = 400;

using Points = std::vector<std::pair<double, double>>;

double numberIn(const Json& object, const char* key)
{
    const auto it = object.find(key);
    return it != object.end() && it->is_number() ? it->get<double>()
                                                 : std::numeric_limits<double>::quiet_NaN();
}

/// Loss and accuracy of every step against the epoch, from history.csv; lines that are no numbers are left
/// out.
struct History
{
    Points loss;
    Points accuracy;
};

History readHistory(const std::filesystem::path& file, double stepsPerEpoch)
{
    History history;
    auto text = readFile(file, maxHistoryBytes);
    if (!text || !(stepsPerEpoch > 0))
        return history;
    size_t begin = text->find('\n');
    while (begin != std::string::npos && ++begin < text->size()) {
        const size_t end = text->find('\n', begin);
        const std::string line = text->substr(begin, end == std::string::npos ? end : end - begin);
        begin = end;
        long long step = 0;
        int epoch = 0;
        double loss = 0;
        double accuracy = 0;
        const int count = std::sscanf(line.c_str(), "%lld,%d,%lf,%lf", &step, &epoch, &loss, &accuracy);
        if (count >= 3)
            history.loss.emplace_back(static_cast<double>(step) / stepsPerEpoch, loss);
        if (count >= 4)
            history.accuracy.emplace_back(static_cast<double>(step) / stepsPerEpoch, accuracy);
    }
    return history;
}

exports::Chart chartOf(
    const char* title, const Points& steps, const Json& epochs, const char* train, const char* validation)
{
    exports::Chart chart{title, "epoch", {}, false};
    const auto series = [&](const char* name, const char* key) {
        exports::Series result{name, {}, false};
        for (const Json& epoch : epochs)
            if (epoch.is_object())
                result.points.emplace_back(numberIn(epoch, "epoch") + 1, numberIn(epoch, key));
        const bool any = std::any_of(result.points.begin(), result.points.end(),
            [](const auto& point) { return std::isfinite(point.second); });
        if (any)
            chart.series.push_back(std::move(result));
    };
    if (!steps.empty())
        chart.series.push_back({"steps", exports::thinned(steps, chartPoints), true});
    series("training", train);
    series("validation", validation);
    return chart;
}

void addRun(exports::Report& report, const std::filesystem::path& folder)
{
    auto text = readFile(folder / train::runFile, maxRunBytes);
    if (!text)
        return;
    const Json run = Json::parse(*text, nullptr, false);
    if (!run.is_object() || !run.contains("epochs") || !run["epochs"].is_array())
        return;
    const Json& epochs = run["epochs"];
    const History history = readHistory(folder / train::historyFile, numberIn(run, "steps_per_epoch"));
    const exports::Chart loss = chartOf("Loss", history.loss, epochs, "train_loss", "validation_loss");
    if (!loss.series.empty())
        report.charts.push_back(loss);
    exports::Chart accuracy =
        chartOf("Accuracy", history.accuracy, epochs, "train_accuracy", "validation_accuracy");
    accuracy.percent = true;
    if (!accuracy.series.empty())
        report.charts.push_back(accuracy);
    if (run.contains("device") && run["device"].is_object())
        report.facts.emplace_back("Device", run["device"].value("name", ""));
    report.facts.emplace_back("Steps", grouped(static_cast<int64_t>(std::max(0.0, numberIn(run, "step")))));
    report.facts.emplace_back("Training time", clock(numberIn(run, "seconds")) + " min");
    if (const double waiting = numberIn(run, "waiting_share"); std::isfinite(waiting))
        report.facts.emplace_back("Waiting for data", percent(waiting, 2) + " of the time since the last start");
    report.facts.emplace_back(
        "Samples per second", grouped(std::llround(std::max(0.0, numberIn(run, "samples_per_second")))));
}

void addEvaluation(
    exports::Report& report, const train::Evaluation& evaluation, const std::vector<std::string>& names)
{
    // First what everybody looks for.
    std::vector<std::pair<std::string, std::string>> facts;
    if (std::isfinite(evaluation.accuracy))
        facts.emplace_back("Test accuracy", percent(evaluation.accuracy, 2));
    facts.emplace_back("Test loss", decimals(evaluation.loss, 4));
    for (const train::MetricType& type : train::metricTypes().all())
        if (const auto it = evaluation.metrics.find(type.id);
            it != evaluation.metrics.end() && type.id != "accuracy")
            facts.emplace_back(
                "Test " + type.title, type.share ? percent(it->second, 2) : decimals(it->second, 4));
    report.facts.insert(report.facts.begin(), facts.begin(), facts.end());
    report.confusion = evaluation.confusion;
    for (size_t i = 0; i < evaluation.perClass.size(); ++i) {
        const auto& score = evaluation.perClass[i];
        report.classes.push_back({className(names, static_cast<int64_t>(i)), score.precision, score.recall,
            score.f1, score.support});
    }
}

/// One picture of each class and some that the network gets wrong, with Grad-CAM for what it says.
Status addPictures(exports::Report& report, train::Model& model, const train::RunData& data,
    const data::Preprocess& preprocess)
{
    const data::Dataset& test = *data.loaded.test;
    if (test.sampleShape().rank() != 3 ||
        explain::convolutionalNodes(model.graph(), model.labels()).empty() ||
        data.loaded.classNames().empty())
        return {};
    const auto* method = explain::methodTypes().find("gradcam");
    constexpr int64_t looked = 1000;
    constexpr size_t maxClasses = 20;
    constexpr int maxWrong = 10;
    std::set<int32_t> seen;
    int wrong = 0;
    std::vector<exports::ReportPicture> mistakes;
    for (int64_t i = 0; i < std::min(test.count(), looked); ++i) {
        const int32_t label = test.label(i);
        const bool fresh = seen.size() < maxClasses && !seen.contains(label);
        if (!fresh && wrong >= maxWrong)
            continue;
        explain::Question question;
        question.sample = Tensor(test.sampleShape());
        data::applyPreprocess(preprocess, test, i, question.sample.floats());
        auto answer = method->explain(model, question);
        if (!answer)
            return answer.error().code == ErrorCode::Unsupported ? Status() : Status(answer.error());
        const bool right = answer->classIndex == label;
        if (right ? !fresh : wrong >= maxWrong)
            continue;
        const int64_t scale = std::max<int64_t>(1, 168 / test.sampleShape()[0]);
        auto png = data::encodePng(
            explain::overlay(test.sample(i), answer->heat, data.loaded.valueMaximum, {0.6f, scale}));
        if (!png)
            return png.error();
        const auto probabilities = answer->probabilities.floats();
        const float first = probabilities[0];
        const float share = probabilities.size() > 1  ? probabilities[static_cast<size_t>(answer->classIndex)]
                            : answer->classIndex == 1 ? first
                                                      : 1 - first;
        const auto& names = data.loaded.classNames();
        exports::ReportPicture picture{std::move(*png),
            className(names, answer->classIndex) + " " + percent(share, 0),
            right ? "right, test picture " + std::to_string(i)
                  : "is " + className(names, label) + ", test picture " + std::to_string(i),
            right};
        if (right) {
            seen.insert(label);
            report.pictures.push_back(std::move(picture));
        } else {
            ++wrong;
            mistakes.push_back(std::move(picture));
        }
    }
    report.picturesTitle = "Where the network looks (Grad-CAM)";
    std::move(mistakes.begin(), mistakes.end(), std::back_inserter(report.pictures));
    return {};
}

} // namespace

Status writeReport(const CommonOptions& options, const project::Project& project, const train::RunData& data,
    const ReportSources& sources, const std::filesystem::path& output)
{
    auto model = loadModel(options, project, sources.weights, data.labels());
    if (!model)
        return model.error();
    const data::Preprocess& preprocess =
        model->preparation ? model->preparation->preprocess : data.preprocess;
    train::EvaluateOptions how;
    how.deviations = data.deviations();
    auto evaluation = train::evaluate(*model->model, data.split.test, preprocess, data.classes(), how);
    if (!evaluation)
        return evaluation.error();
    exports::Report report;
    report.title = project.name;
    report.description = project.description;
    report.graph = project.graph;
    report.labels = data.labels();
    report.facts.emplace_back(
        "Data", data.loaded.name + ", " + grouped(data.split.training.count()) + " to train");
    report.facts.emplace_back("Parameters", grouped(graph::analyse(project.graph).parameters));
    report.facts.emplace_back("Seed", std::to_string(project.training.seed));
    addRun(report, sources.runFolder);
    const data::Target* target = data.judged(project.graph);
    addEvaluation(
        report, *evaluation, target && target->isClasses() ? target->names : std::vector<std::string>());
    if (Status status = addPictures(report, *model->model, data, preprocess); !status)
        return status;
    return writeFileAtomically(output, exports::reportHtml(report));
}

Status writeRunReport(const CommonOptions& options, const project::Project& project,
    const train::RunData& data, const std::filesystem::path& folder)
{
    std::error_code code;
    const bool best = std::filesystem::exists(folder / train::bestWeightsFile, code);
    const ReportSources sources{folder / (best ? train::bestWeightsFile : train::lastWeightsFile), folder};
    return writeReport(options, project, data, sources, folder / "report.html");
}

} // namespace gradloom::cli
