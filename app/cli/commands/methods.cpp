#include "engine/train/methods.h"
#include "app/cli/command.h"
#include "app/cli/results.h"
#include "app/cli/text_table.h"
#include "engine/train/metric_type.h"

namespace gradloom::cli {

namespace {

std::string defaultsOf(const std::vector<ParamSpec>& specs)
{
    std::string text;
    for (const ParamSpec& spec : specs)
        text += (text.empty() ? "" : ", ") + spec.key + " " + formatParam(spec.defaultValue);
    return text;
}

Json optimizersJson()
{
    Json json = Json::array();
    for (const auto& type : train::optimizerTypes().all())
        json.push_back({{"id", type.id}, {"title", type.title}, {"help", type.help},
            {"formula", type.formula}, {"parameters", paramsJson(type.parameters)}});
    return json;
}

Json schedulesJson()
{
    Json json = Json::array();
    for (const auto& type : train::scheduleTypes().all())
        json.push_back({{"id", type.id}, {"title", type.title}, {"help", type.help},
            {"parameters", paramsJson(type.parameters)}});
    return json;
}

Json metricsJson()
{
    Json json = Json::array();
    for (const auto& type : train::metricTypes().all())
        json.push_back({{"id", type.id}, {"title", type.title}, {"help", type.help}, {"share", type.share},
            {"higher_is_better", type.higherIsBetter}});
    return json;
}

Status runMethods(const CommonOptions& options)
{
    const Json json{{"optimizers", optimizersJson()}, {"schedules", schedulesJson()},
        {"training_options", paramsJson(train::trainingOptionSpecs())}, {"metrics", metricsJson()}};
    TextTable optimizers({"Optimizer", "", "options and their defaults"});
    for (const auto& type : train::optimizerTypes().all())
        optimizers.add({type.id, type.title, defaultsOf(type.parameters)});
    TextTable schedules({"Schedule", "", "options and their defaults"});
    for (const auto& type : train::scheduleTypes().all())
        schedules.add({type.id, type.title, defaultsOf(type.parameters)});
    TextTable training({"Training option", "default", ""});
    for (const ParamSpec& spec : train::trainingOptionSpecs())
        training.add({spec.key, formatParam(spec.defaultValue), spec.help});
    TextTable metrics({"Metric", "", ""});
    for (const auto& type : train::metricTypes().all())
        metrics.add({type.id, type.title, type.help});
    return emit(options, "methods", json,
        optimizers.toString() + "\n" + schedules.toString() + "\n" + training.toString() + "\n" +
            metrics.toString());
}

} // namespace

Command methods()
{
    return {"methods", "List optimizers, schedules, training options and metrics", [](CLI::App& app) {
                auto options = std::make_shared<CommonOptions>();
                addOutputOptions(app, *options);
                return [options] { return runMethods(*options); };
            }};
}

} // namespace gradloom::cli
