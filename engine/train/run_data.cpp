#include "engine/train/run_data.h"

#include "engine/graph/analysis.h"
#include "engine/graph/ports.h"

#include <nlohmann/json.hpp>

#include <algorithm>
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

const data::Target* findTarget(const data::LoadedData& data, const std::string& name)
{
    if (data.targets.empty() || name.empty())
        return data.targets.empty() ? nullptr : &data.targets.front();
    const auto it = std::find_if(data.targets.begin(), data.targets.end(),
        [&](const data::Target& target) { return target.name == name; });
    return it == data.targets.end() ? nullptr : &*it;
}

Status fitInput(
    const graph::Graph&, const graph::Node& node, const graph::NodeInfo& info, const data::LoadedData& data)
{
    if (node.type != graph::inputType || info.outputs.empty())
        return {};
    const TensorType& drawn = info.outputs[0];
    const TensorType sample = data.training->sampleType();
    const bool tokens = sample.dtype == DType::I32;
    if ((drawn.dtype == DType::I32) != tokens)
        return invalidArgument("\"" + node.id + "\" takes " + (tokens ? "numbers" : "tokens") +
                                   " but the data set's samples are " + (tokens ? "tokens" : "numbers") +
                                   ": set its kind to " + (tokens ? "tokens" : "numbers") +
                                   " and its shape to " + sample.shape.toString() + ".",
            node.id);
    if (drawn.shape == sample.shape)
        return {};
    return invalidArgument("\"" + node.id + "\" takes samples of " + drawn.shape.toString() +
                               " but the data set's are " + sample.shape.toString() + ": set its shape to " +
                               sample.shape.toString() + ".",
        node.id);
}

/// Names and types of targets were checked with the drawing.
Status fitLabels(
    const graph::Graph&, const graph::Node& node, const graph::NodeInfo& info, const data::LoadedData& data)
{
    if (node.type != graph::labelsType)
        return {};
    const data::Target* target = findTarget(data, info.params.text("target"));
    if (!target)
        return invalidArgument("\"" + node.id + "\" asks for labels but the data set has none.", node.id);
    const auto classes = static_cast<int64_t>(target->names.size());
    if (info.params.text("encoding") == "one_hot" && info.params.integer("classes") < classes)
        return invalidArgument("\"" + node.id + "\" tells " + std::to_string(info.params.integer("classes")) +
                                   " classes apart but the data set has " + std::to_string(classes) +
                                   ": set its classes to " + std::to_string(classes) + ".",
            node.id);
    return {};
}

/// Integer labels choose a column of the scores; one that is not there would silently count as no loss.
Status fitLoss(const graph::Graph& graph, const graph::Node& node, const graph::NodeInfo& info,
    const data::LoadedData& data)
{
    const auto name = graph::judgedTarget(graph, node);
    if (!name)
        return {};
    const data::Target* target = findTarget(data, *name);
    if (!target)
        return invalidArgument("\"" + node.id +
                                   "\" compares with labels but the data set has none: connect its target, "
                                   "for example to the Input.",
            node.id);
    const auto& inputs = info.inputs;
    if (inputs.size() < 2 || inputs[1].dtype != DType::I32 || inputs[0].shape.rank() == 0)
        return {};
    const int64_t scores = inputs[0].shape[-1];
    const auto classes = static_cast<int64_t>(target->names.size());
    const bool yesOrNo = node.type != "cross_entropy" && scores == 1;
    if (scores >= classes || (yesOrNo && classes <= 2))
        return {};
    return invalidArgument("\"" + node.id + "\" judges " + std::to_string(scores) +
                               (scores == 1 ? " score" : " scores") + " but the data set has " +
                               std::to_string(classes) + (target->isClasses() ? " classes" : " tokens") +
                               ": give the last layer at least as many units.",
        node.id);
}

Status fitEmbedding(
    const graph::Graph&, const graph::Node& node, const graph::NodeInfo& info, const data::LoadedData& data)
{
    const auto tokens = static_cast<int64_t>(data.vocabulary.size());
    const ParamValue* rows = node.type == "embedding" ? info.params.find("vocabulary") : nullptr;
    const int64_t* count = rows ? std::get_if<int64_t>(rows) : nullptr;
    if (!count || *count >= tokens)
        return {};
    return invalidArgument("\"" + node.id + "\" knows " + std::to_string(*count) +
                               " tokens but the data set has " + std::to_string(tokens) +
                               ": set its vocabulary to " + std::to_string(tokens) + ".",
        node.id);
}

} // namespace

Result<Params> preprocessOptions(const std::string& preprocess)
{
    if (preprocess == "none" || preprocess == "scale" || preprocess == "centre" || preprocess == "standardise")
        return Params{{"scale", preprocess != "none"}, {"centre", preprocess == "centre"},
            {"standardise", preprocess == "standardise"}};
    return invalidArgument(
        "The preprocessing must be one of none, scale, centre, standardise but is \"" + preprocess + "\".");
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
    auto augment = data::Augmenter::create(project.data.augment, result.loaded, result.preprocess);
    if (!augment)
        return augment.error();
    result.augment = std::move(*augment);
    return result;
}

layers::TargetTypes targetTypes(const data::LoadedData& data)
{
    layers::TargetTypes types;
    for (const data::Target& target : data.targets)
        types.push_back({target.name, target.type});
    return types;
}

layers::TargetTypes RunData::labels() const
{
    return targetTypes(loaded);
}

int64_t viewsOn(std::string_view device, const Params& augment)
{
    return device == "cpu" ? 0 : data::Augmenter::views(augment);
}

int64_t RunData::viewsOn(const backend::Backend& device) const
{
    return augment && device.info().id != "cpu" ? augment->views() : 0;
}

const data::Target* RunData::judged(const graph::Graph& graph) const
{
    const auto name = graph::judgedTarget(graph);
    return name ? findTarget(loaded, *name) : nullptr;
}

std::map<std::string, std::vector<float>> RunData::deviations() const
{
    std::map<std::string, std::vector<float>> result;
    for (const data::Target& target : loaded.targets)
        if (!target.deviation.empty())
            result[target.name] = target.deviation;
    if (!loaded.targets.empty() && !loaded.targets.front().deviation.empty())
        result[""] = loaded.targets.front().deviation;
    return result;
}

int RunData::judgedIndex(const graph::Graph& graph) const
{
    const data::Target* target = judged(graph);
    return target ? static_cast<int>(target - loaded.targets.data()) : -1;
}

Status checkFit(const graph::Graph& graph, const data::LoadedData& data)
{
    const graph::Analysis analysis = graph::analyse(graph, targetTypes(data));
    if (Status status = analysis.status(); !status)
        return status;
    for (const graph::Node& node : graph.nodes) {
        const auto info = analysis.nodes.find(node.id);
        if (info == analysis.nodes.end())
            continue;
        for (const auto& check : {fitInput, fitLabels, fitLoss, fitEmbedding})
            if (Status status = check(graph, node, info->second, data); !status)
                return status;
    }
    return {};
}

std::map<std::string, std::string> Preparation::metadata() const
{
    const nlohmann::json json{{"scale", preprocess.scale}, {"mean", preprocess.mean},
        {"deviation", preprocess.deviation}, {"classes", classNames}, {"value_maximum", valueMaximum},
        {"target", target}, {"unit", unit}, {"target_mean", mean}, {"target_deviation", deviation}};
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
        result.target = json.value("target", "");
        result.unit = json.value("unit", "");
        result.mean = json.value("target_mean", std::vector<float>());
        result.deviation = json.value("target_deviation", std::vector<float>());
        const bool sensible = std::isfinite(result.preprocess.scale) &&
                              positive(result.preprocess.deviation) && result.valueMaximum > 0 &&
                              positive(result.deviation) && result.mean.size() == result.deviation.size();
        return sensible ? std::optional(result) : std::nullopt;
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

Preparation preparationOf(const RunData& data, const graph::Graph& graph)
{
    Preparation result;
    result.preprocess = data.preprocess;
    result.valueMaximum = data.loaded.valueMaximum;
    const data::Target* target = data.judged(graph);
    if (!target)
        return result;
    if (target->kind != data::Target::Kind::Numbers)
        result.classNames = target->names; // a language model chooses the next token like a class
    result.target = target->name;
    result.unit = target->unit;
    result.mean = target->mean;
    result.deviation = target->deviation;
    return result;
}

} // namespace gradloom::train
