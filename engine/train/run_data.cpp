#include "engine/train/run_data.h"

#include "engine/graph/analysis.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace gradloom::train {

namespace {

constexpr const char* preparationKey = "gradloom.preparation";

bool positive(const std::vector<float>& values)
{
    for (const float value : values)
        if (!(value > 0) || !std::isfinite(value))
            return false;
    return true;
}

} // namespace

Result<Params> preprocessOptions(const std::string& preprocess)
{
    if (preprocess == "none" || preprocess == "scale" || preprocess == "standardise")
        return Params{{"scale", preprocess != "none"}, {"standardise", preprocess == "standardise"}};
    return invalidArgument(
        "The preprocessing must be one of none, scale, standardise but is \"" + preprocess + "\".");
}

Result<RunData> loadRunData(const project::Project& project, const data::SourceContext& context)
{
    auto options = preprocessOptions(project.data.preprocess);
    if (!options)
        return options.error();
    auto loaded = data::loadData(project.data.source.type, project.data.source.params, context);
    if (!loaded)
        return loaded.error();
    auto split = data::splitData(*loaded, project.training.validationShare, project.training.seed);
    if (!split)
        return split.error();
    RunData result;
    result.loaded = std::move(*loaded);
    result.split = std::move(*split);
    result.preprocess = data::makePreprocess(*options, result.split.training, result.loaded.valueMaximum);
    return result;
}

Status checkFit(const graph::Graph& graph, const Shape& sample, int64_t classes)
{
    const graph::Analysis analysis = graph::analyse(graph);
    if (Status status = analysis.status(); !status)
        return status;
    for (const graph::Node& node : graph.nodes) {
        const auto info = analysis.nodes.find(node.id);
        if (info == analysis.nodes.end())
            continue;
        if (node.type == "input" && !info->second.outputs.empty() &&
            !(info->second.outputs[0].shape == sample))
            return invalidArgument("\"" + node.id + "\" takes samples of " +
                                       info->second.outputs[0].shape.toString() + " but the data set's are " +
                                       sample.toString() + ": set its shape to " + sample.toString() + ".",
                node.id);
        // Integer labels choose a column of the scores; one that is not there would silently count as no
        // loss.
        const auto& inputs = info->second.inputs;
        if (node.type == "cross_entropy" && inputs.size() > 1 && inputs[1].dtype == DType::I32) {
            const int64_t scores = inputs[0].shape.rank() > 0 ? inputs[0].shape[-1] : 1;
            if (scores < classes)
                return invalidArgument("\"" + node.id + "\" judges " + std::to_string(scores) +
                                           " scores but the data set has " + std::to_string(classes) +
                                           " classes: give the last layer at least as many units.",
                    node.id);
        }
    }
    return {};
}

std::map<std::string, std::string> Preparation::metadata() const
{
    const nlohmann::json json{{"scale", preprocess.scale}, {"mean", preprocess.mean},
        {"deviation", preprocess.deviation}, {"classes", classNames}, {"value_maximum", valueMaximum}};
    return {{preparationKey, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)}};
}

std::optional<Preparation> Preparation::fromMetadata(const std::map<std::string, std::string>& metadata)
{
    const auto it = metadata.find(preparationKey);
    if (it == metadata.end())
        return {};
    try {
        const auto json = nlohmann::json::parse(it->second);
        Preparation result;
        result.preprocess.scale = json.at("scale").get<float>();
        result.preprocess.mean = json.at("mean").get<std::vector<float>>();
        result.preprocess.deviation = json.at("deviation").get<std::vector<float>>();
        result.classNames = json.at("classes").get<std::vector<std::string>>();
        result.valueMaximum = json.at("value_maximum").get<float>();
        const bool sensible = std::isfinite(result.preprocess.scale) &&
                              positive(result.preprocess.deviation) && result.valueMaximum > 0;
        return sensible ? std::optional(result) : std::nullopt;
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

Preparation preparationOf(const RunData& data)
{
    return {data.preprocess, data.loaded.classNames, data.loaded.valueMaximum};
}

} // namespace gradloom::train
