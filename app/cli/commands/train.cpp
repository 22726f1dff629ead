#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/progress.h"
#include "app/cli/run_report.h"
#include "app/cli/text_table.h"
#include "engine/train/checkpoint.h"
#include "engine/train/memory_need.h"
#include "engine/train/training_options.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <thread>

namespace gradloom::cli {

namespace {

struct TrainOptions : CommonOptions
{
    int64_t epochs = 0; ///< 0: the project's
    int64_t batch = 0;
    std::optional<double> learningRate;
    std::optional<int64_t> maxSteps;
    std::string resume;
    std::vector<std::string> options; ///< key=value
    std::string transfer;
    std::vector<std::string> devices;
    bool report = false;
};

static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");
std::atomic<bool> stopAsked{false};

/// The first Ctrl-C asks the run to stop after its step; a second one ends the program at once.
class StopOnSignal
{
public:
    StopOnSignal()
    {
        stopAsked = false;
        struct sigaction action = {};
        action.sa_handler = [](int) { stopAsked = true; };
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        sigaction(SIGINT, &action, &m_interrupt);
        sigaction(SIGTERM, &action, &m_terminate);
    }
    ~StopOnSignal()
    {
        sigaction(SIGINT, &m_interrupt, nullptr);
        sigaction(SIGTERM, &m_terminate, nullptr);
    }
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;

private:
    struct sigaction m_interrupt = {};
    struct sigaction m_terminate = {};
};

std::string stemOf(const std::string& project)
{
    std::string name = std::filesystem::path(project).filename().string();
    return name.substr(0, name.find('.'));
}

/// A folder of its own for each run, so that none overwrites another.
std::string freshFolder(const std::string& project)
{
    char time[32];
    const std::time_t now = std::time(nullptr);
    std::tm local = {};
    localtime_r(&now, &local);
    std::strftime(time, sizeof time, "%Y%m%d-%H%M%S", &local);
    return (std::filesystem::path("runs") / (stemOf(project) + "-" + time)).string();
}

void tell(const TrainOptions& options, train::TrainSession& session)
{
    for (const std::string& remark : session.pollRemarks())
        note(options, remark);
}

train::SessionResult follow(
    train::TrainSession& session, const TrainOptions& options, const project::Training& training)
{
    const StopOnSignal signal;
    TrainProgress progress(training.epochs, training.batch, options.quiet);
    bool stopping = false;
    while (!session.result()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        progress.update(session);
        tell(options, session);
        if (stopAsked && !stopping) {
            stopping = true;
            session.stop();
        }
    }
    progress.update(session);
    progress.finish();
    tell(options, session);
    return *session.result();
}

Json resultJson(
    const train::SessionResult& result, const TrainOptions& options, const project::Project& project)
{
    Json epochs = Json::array();
    for (const auto& epoch : result.epochs)
        epochs.push_back(Json::parse(train::epochJson(epoch)));
    const std::filesystem::path out = options.out;
    Json json{{"state", result.state == train::State::Finished ? "finished" : "stopped"},
        {"out", options.out}, {"seed", project.training.seed}, {"steps", result.steps}, {"epochs", epochs}};
    json["waiting_share"] = result.waitingShare;
    json["weights"] = (out / train::lastWeightsFile).string();
    if (std::filesystem::exists(out / train::bestWeightsFile))
        json["best"] = (out / train::bestWeightsFile).string();
    if (options.report)
        json["report"] = (out / "report.html").string();
    return json;
}

std::string resultText(const train::SessionResult& result, const TrainOptions& options)
{
    std::string text;
    if (result.state == train::State::Stopped)
        text = "Stopped after step " + grouped(result.steps) + ". To go on: gradloom-cli train " +
               options.project + " --resume " + options.out + "\n";
    else if (!result.epochs.empty()) {
        const auto& last = result.epochs.back();
        text = "Trained " + grouped(result.steps) + " steps in " + clock(last.seconds) + " min; " +
               percent(result.waitingShare, 2) + " of this run's time went into waiting for data.\n";
    }
    text += "weights  " + (std::filesystem::path(options.out) / train::lastWeightsFile).string() + "\n";
    if (options.report)
        text += "report   " + (std::filesystem::path(options.out) / "report.html").string() + "\n";
    return text;
}

/// What the command line says about training options replaces what the project says.
Status setTrainingOptions(const TrainOptions& options, project::Training& training)
{
    auto given = parseOptions(train::trainingOptionSpecs(), options.options, "training option");
    if (!given)
        return given.error();
    for (const auto& [key, value] : *given)
        training.options.set(key, value);
    if (options.transfer.empty())
        return {};
    std::error_code code;
    training.options.set("weights_from", std::filesystem::absolute(options.transfer, code).string());
    return code ? Status(ioError("The path of " + options.transfer + " cannot be found out.")) : Status();
}

Status runTrain(TrainOptions options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    if (options.epochs > 0)
        project->training.epochs = options.epochs;
    if (options.batch > 0)
        project->training.batch = options.batch;
    if (options.learningRate)
        project->training.optimizer.params.set("learning_rate", *options.learningRate);
    if (Status status = setTrainingOptions(options, project->training); !status)
        return status;
    if (options.out.empty())
        options.out = options.resume.empty() ? freshFolder(options.project) : options.resume;
    auto data = loadData(options, *project);
    if (!data)
        return data.error();
    note(options, (*data)->loaded.name + ": " + grouped((*data)->split.training.count()) +
                      " samples to train, " + grouped((*data)->split.validation.count()) + " to validate, " +
                      grouped((*data)->split.test.count()) + " to test. Writing to " + options.out + ".");
    train::SessionOptions session;
    session.device = options.device;
    session.devices = options.devices;
    session.threads = options.threads;
    session.projectFolder = projectFolder(options);
    session.data = *data;
    session.outDir = options.out;
    session.maxSteps = options.maxSteps;
    session.publish = false;
    if (!options.resume.empty())
        session.resumeDir = options.resume;
    if (const auto need = train::memoryNeed(*project, (*data)->labels(), session))
        note(options, "Training takes " + train::memoryText(need->total()) + " of memory on " +
                          (options.devices.empty() ? options.device : options.devices.front()) + ".");
    train::SessionResult result;
    {
        train::TrainSession running(*project, session);
        result = follow(running, options, project->training);
    }
    if (result.error)
        return *result.error;
    if (options.report)
        if (Status status = writeRunReport(options, *project, **data, options.out); !status)
            return status;
    CommonOptions output = options;
    output.out.clear(); // run.json says it all already
    return emit(output, "train", resultJson(result, options, *project), resultText(result, options));
}

} // namespace

Command train()
{
    return {"train", "Train a project and write the run to a folder", [](CLI::App& app) {
                auto options = std::make_shared<TrainOptions>();
                addCommonOptions(app, *options);
                app.add_option("--epochs", options->epochs, "Replaces the project's epochs")
                    ->check(CLI::Range(int64_t{1}, int64_t{1000000000}));
                app.add_option("--batch", options->batch, "Replaces the project's batch size")
                    ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
                app.add_option("--learning-rate", options->learningRate,
                       "Replaces the project's learning rate (see: lr-find)")
                    ->check(CLI::NonNegativeNumber);
                app.add_option("--max-steps", options->maxSteps, "Ends the run after so many steps")
                    ->check(CLI::Range(int64_t{1}, int64_t{1} << 53));
                app.add_option("--devices", options->devices,
                       "Several that share every batch: cuda:0,cuda:1 (see: devices)")
                    ->type_name("DEVICES")
                    ->delimiter(',')
                    ->excludes("--device");
                app.add_option("--resume", options->resume, "Goes on with the run in this folder")
                    ->type_name("DIR");
                app.add_option("--option", options->options,
                       "Replaces a training option of the project (see below); may be repeated")
                    ->type_name("KEY=VALUE")
                    ->allow_extra_args(false);
                app.add_option("--transfer", options->transfer,
                       "Starts with the weights in this file that fit by name and shape")
                    ->type_name("FILE");
                app.footer("Training options:\n" + optionsHelp(train::trainingOptionSpecs()));
                app.add_flag("--report", options->report, "Writes report.html beside the weights at the end");
                return [options] { return runTrain(*options); };
            }};
}

} // namespace gradloom::cli
