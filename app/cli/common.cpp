#include "app/cli/common.h"

#include "engine/backend/communicator.h"
#include "engine/base/file.h"
#include "engine/graph/analysis.h"
#include "engine/project/safetensors.h"
#include "engine/train/training_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>

namespace gradloom::cli {

void addTrainedOptions(CLI::App& app, TrainedOptions& options)
{
    addCommonOptions(app, options);
    app.add_option("--weights", options.weights, "Weights of the network")->type_name("FILE")->required();
}

void addOutputOptions(CLI::App& app, CommonOptions& options)
{
    app.add_option("--out", options.out, "Folder for what is written")->type_name("DIR");
    app.add_flag("--json", options.json, "Print the result as JSON");
    app.add_flag("--quiet", options.quiet, "Print no progress and no remarks");
}

void addDeviceOptions(CLI::App& app, CommonOptions& options)
{
    app.add_option("--device", options.device, "Where to compute: cpu, cuda, cuda:1 (see: devices)")
        ->type_name("DEVICE")
        ->capture_default_str();
    app.add_option("--threads", options.threads, "Threads of the CPU; 0: all cores")
        ->type_name("NUMBER")
        ->check(CLI::Range(0, 1024));
}

void addCommonOptions(CLI::App& app, CommonOptions& options)
{
    app.add_option("PROJECT", options.project, "Project file (*.gradloom.json)")->required();
    addDeviceOptions(app, options);
    app.add_option("--seed", options.seed, "Replaces the project's seed")
        ->type_name("NUMBER")
        ->check(CLI::NonNegativeNumber); // "-1" would be read as a huge one
    app.add_option("--data-dir", options.dataDir, "Replaces the project's data: a folder with an IDX set")
        ->type_name("DIR");
    addOutputOptions(app, options);
}

Result<project::Project> loadProject(const CommonOptions& options)
{
    auto project = project::loadProject(options.project);
    if (project && options.seed)
        project->training.seed = *options.seed;
    return project;
}

std::filesystem::path projectFolder(const CommonOptions& options)
{
    return std::filesystem::path(options.project).parent_path();
}

Result<std::shared_ptr<const train::RunData>> loadData(
    const CommonOptions& options, const project::Project& project)
{
    if (Status status = graph::analyse(project.graph).status(); !status)
        return status.error();
    data::SourceContext context;
    context.projectFolder = projectFolder(options);
    context.dataFolder = options.dataDir;
    auto data = train::loadRunData(project, context);
    if (!data)
        return data.error();
    return std::make_shared<const train::RunData>(std::move(*data));
}

Result<std::vector<std::shared_ptr<backend::Backend>>> openDevices(
    const std::vector<std::string>& ids, const CommonOptions& options, const project::Project& project)
{
    auto training = train::readTrainingOptions(project.training.options);
    if (!training)
        return training.error();
    return backend::openEach(ids, training->device(options.threads));
}

Result<std::shared_ptr<backend::Backend>> openDevice(const CommonOptions& options, const project::Project& project)
{
    auto devices = openDevices({options.device}, options, project);
    if (!devices)
        return devices.error();
    return devices->front();
}

Result<TrainedModel> loadModel(const CommonOptions& options, const project::Project& project,
    const std::filesystem::path& weights, const layers::TargetTypes& labels)
{
    auto file = project::loadSafetensors(weights);
    if (!file)
        return file.error();
    auto device = openDevice(options, project);
    if (!device)
        return device.error();
    auto model = train::Model::create(project.graph, labels, *device, project.training.seed);
    if (!model)
        return model.error();
    if (Status status = (*model)->setWeights(file->tensors); !status) {
        Error error = status.error();
        error.message =
            weights.string() + " does not fit the drawing of " + options.project + ": " + error.message;
        return error;
    }
    return TrainedModel{std::move(*model), train::Preparation::fromMetadata(file->metadata)};
}

std::string dump(const Json& json)
{
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<train::Preparation> preparationFor(
    const CommonOptions& options, const project::Project& project, const TrainedModel& model)
{
    if (model.preparation)
        return *model.preparation;
    auto data = loadData(options, project);
    if (!data)
        return data.error();
    return train::preparationOf(**data, project.graph);
}

Status emit(const CommonOptions& options, const std::string& name, const Json& json, const std::string& text)
{
    if (!options.out.empty()) {
        if (Status status = makeFolder(options.out); !status)
            return status;
        Status status =
            writeFileAtomically(std::filesystem::path(options.out) / (name + ".json"), dump(json));
        if (!status)
            return status;
    }
    std::cout << (options.json ? dump(json) : text) << std::flush;
    return std::cout.good() ? Status() : Status(ioError("The output could not be written."));
}

void note(const CommonOptions& options, const std::string& message)
{
    if (!options.quiet)
        std::cerr << message << std::endl;
}

Json number(double value)
{
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string className(const std::vector<std::string>& names, int64_t index)
{
    const auto i = static_cast<size_t>(index);
    return i < names.size() ? names[i] : std::to_string(index);
}

namespace {

Result<ParamValue> parseValue(const ParamSpec& spec, const std::string& text, const std::string& what)
{
    const auto number = [&](auto value) -> Result<ParamValue> {
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (code != std::errc() || end != text.data() + text.size())
            return invalidArgument(
                "The " + what + " " + spec.key + " must be a number but is \"" + text + "\".");
        return checkParam(spec, value, what + " " + spec.key);
    };
    switch (spec.kind) {
    case ParamKind::Integer:
        return number(int64_t{});
    case ParamKind::Real:
        return number(double{});
    case ParamKind::Switch:
        if (text != "on" && text != "off" && text != "true" && text != "false")
            return invalidArgument(
                "The " + what + " " + spec.key + " must be on or off but is \"" + text + "\".");
        return ParamValue(text == "on" || text == "true");
    case ParamKind::Choice:
    case ParamKind::Text:
        return checkParam(spec, text, what + " " + spec.key);
    case ParamKind::Tuple:
    case ParamKind::List:
    case ParamKind::Shape:
        break;
    }
    return unsupported("The " + what + " " + spec.key + " can be set in the project file only.");
}

} // namespace

Result<Params> parseOptions(
    const std::vector<ParamSpec>& specs, const std::vector<std::string>& texts, const std::string& what)
{
    Params params;
    for (const std::string& text : texts) {
        const size_t equals = text.find('=');
        if (equals == std::string::npos)
            return invalidArgument("The " + what + " \"" + text + "\" is not of the form key=value.");
        const std::string key = text.substr(0, equals);
        const auto spec =
            std::find_if(specs.begin(), specs.end(), [&](const ParamSpec& s) { return s.key == key; });
        if (spec == specs.end()) {
            std::string known;
            for (const ParamSpec& s : specs)
                known += (known.empty() ? "" : ", ") + s.key;
            return notFound("There is no " + what + " \"" + key + "\"; there are " + known + ".");
        }
        auto value = parseValue(*spec, text.substr(equals + 1), what);
        if (!value)
            return value.error();
        params.set(key, *value);
    }
    return params;
}

std::string optionsHelp(const std::vector<ParamSpec>& specs)
{
    std::string text;
    for (const ParamSpec& spec : specs) {
        std::string values;
        for (const ParamChoice& choice : spec.choices)
            values += (values.empty() ? " (" : ", ") + choice.value;
        text += "  " + spec.key + (values.empty() ? "" : values + ")") + ": " + spec.help + "\n";
    }
    return text;
}

Result<int> findClass(const std::string& text, const std::vector<std::string>& names, int64_t classes)
{
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i] == text)
            return static_cast<int>(i);
    int index = -1;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (code == std::errc() && end == text.data() + text.size() && index >= 0 && index < classes)
        return index;
    std::string known;
    for (int64_t i = 0; i < classes; ++i)
        known += (i ? ", " : "") + std::to_string(i) +
                 (static_cast<size_t>(i) < names.size() ? " (" + className(names, i) + ")" : std::string());
    return invalidArgument("There is no class \"" + text + "\"; the network knows " + known + ".");
}

} // namespace gradloom::cli
