#pragma once

#include "engine/project/project.h"
#include "engine/train/model.h"
#include "engine/train/run_data.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace gradloom::cli {

using Json = nlohmann::ordered_json;

/// Options that most commands share.
struct CommonOptions
{
    std::string project; ///< path of the project file
    std::string device = "cpu";
    std::optional<uint64_t> seed;
    int threads = 0;
    std::string dataDir;
    std::string out;
    bool json = false;
    bool quiet = false;
};

/// Declares the positional PROJECT and the shared options.
void addCommonOptions(CLI::App& app, CommonOptions& options);
/// The same with the option --weights, for commands that need a trained network.
struct TrainedOptions : CommonOptions
{
    std::string weights;
};
void addTrainedOptions(CLI::App& app, TrainedOptions& options);
/// --device and --threads.
void addDeviceOptions(CLI::App& app, CommonOptions& options);
/// Only those that make sense without a project: --json, --out, --quiet.
void addOutputOptions(CLI::App& app, CommonOptions& options);

/// The project with what the command line replaces in it.
Result<project::Project> loadProject(const CommonOptions& options);
std::filesystem::path projectFolder(const CommonOptions& options);
/// The project's data; the drawing is checked first.
Result<std::shared_ptr<const train::RunData>> loadData(
    const CommonOptions& options, const project::Project& project);
/// Devices by id, computing as the project's training options say, with the command line's threads.
Result<std::vector<std::shared_ptr<backend::Backend>>> openDevices(
    const std::vector<std::string>& ids, const CommonOptions& options, const project::Project& project);
/// The same for the command line's --device.
Result<std::shared_ptr<backend::Backend>> openDevice(const CommonOptions& options, const project::Project& project);

/// A trained network, ready for new samples.
struct TrainedModel
{
    std::unique_ptr<train::Model> model;
    /// From the weights' file; nothing where it does not say.
    std::optional<train::Preparation> preparation;
};
/// `labels`: the targets of the data that the network is judged on; empty where it only predicts.
Result<TrainedModel> loadModel(const CommonOptions& options, const project::Project& project,
    const std::filesystem::path& weights, const layers::TargetTypes& labels = {});

/// How samples are prepared: from the weights' file, else from the project's data.
Result<train::Preparation> preparationFor(
    const CommonOptions& options, const project::Project& project, const TrainedModel& model);

/// The result of a command: JSON on stdout with --json, else `text`. With --out also as DIR/<name>.json.
Status emit(const CommonOptions& options, const std::string& name, const Json& json, const std::string& text);

/// A remark on stderr; nothing with --quiet.
void note(const CommonOptions& options, const std::string& message);

/// A number for JSON: null where it is none.
Json number(double value);
std::string dump(const Json& json);

/// Options written as key=value, checked against their declarations; `what` names them in messages ("training
/// option").
Result<Params> parseOptions(
    const std::vector<ParamSpec>& specs, const std::vector<std::string>& texts, const std::string& what);
/// What --help shows of them: a line for each.
std::string optionsHelp(const std::vector<ParamSpec>& specs);

/// Class by name or number; the Error lists what there is.
Result<int> findClass(const std::string& text, const std::vector<std::string>& names, int64_t classes);
std::string className(const std::vector<std::string>& names, int64_t index);

} // namespace gradloom::cli
