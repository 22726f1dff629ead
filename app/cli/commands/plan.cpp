#include "engine/compile/plan.h"
#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/backend/cpu/machine_peaks.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/op_kind.h"
#include "engine/ir/op_type.h"
#include "engine/train/memory_need.h"
#include "engine/train/random_inputs.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace gradloom::cli {

namespace {

struct PlanOptions : CommonOptions
{
    int64_t batch = 0;
    std::vector<std::string> devices; ///< that share each batch
    bool time = false;
    bool forward = false;
};

/// The programs of a project on a device.
struct LoadedPlan
{
    std::unique_ptr<train::Model> model;
    std::unique_ptr<train::Stepper> stepper;
    std::unique_ptr<train::LoadedProgram> forward;

    std::vector<train::LoadedProgram*> programs() const
    {
        return stepper ? stepper->programs() : std::vector{forward.get()};
    }
};

Result<LoadedPlan> load(const PlanOptions& options, const project::Project& project)
{
    const bool shared = !options.devices.empty();
    auto devices = openDevices(shared ? options.devices : std::vector{options.device}, options, project);
    if (!devices)
        return devices.error();
    const std::shared_ptr<backend::Backend>& device = devices->front();
    auto model = train::Model::create(project.graph, {}, device, project.training.seed);
    if (!model)
        return model.error();
    LoadedPlan plan;
    plan.model = std::move(*model);
    if (options.forward) {
        train::ProgramOptions how;
        how.batch = project.training.batch;
        auto program = train::forwardProgram(project.graph, how);
        if (!program)
            return program.error();
        auto loaded = train::LoadedProgram::load(*device, plan.model->memory(), std::move(*program));
        if (!loaded)
            return loaded.error();
        plan.forward = std::move(*loaded);
        return plan;
    }
    auto methods = train::chooseMethods(project.training);
    if (!methods)
        return methods.error();
    train::StepperOptions how = train::stepperOptions(project, *methods, {});
    how.program.augmentedViews = train::viewsOn(device->info().id, project.data.augment);
    how.parallel = shared;
    how.otherDevices.assign(devices->begin() + 1, devices->end());
    auto stepper = train::Stepper::create(*plan.model, std::move(how));
    if (!stepper)
        return stepper.error();
    plan.stepper = std::move(*stepper);
    return plan;
}

Json memoryJson(const train::MemoryNeed& need)
{
    return Json{{"weights", need.weights}, {"optimizer", need.optimizer}, {"steps", need.steps},
        {"validation", need.validation}, {"views", need.views}, {"sums", need.sums}, {"total", need.total()}};
}

std::string memoryLine(const train::MemoryNeed& need)
{
    using train::memoryText;
    std::string line = "\nTraining takes " + memoryText(need.total()) + ": weights " + memoryText(need.weights) +
        ", optimizer " + memoryText(need.optimizer) + ", steps " + memoryText(need.steps) + ", validation " +
        memoryText(need.validation);
    if (need.views > 0)
        line += ", views " + memoryText(need.views);
    if (need.sums > 0)
        line += ", sums " + memoryText(need.sums);
    return line + ".\n";
}

/// The fastest of some runs, in seconds for each operation.
std::vector<double> timeOperations(train::LoadedProgram& program)
{
    constexpr int mostRounds = 30;
    constexpr int fewestRounds = 3;
    constexpr auto enough = std::chrono::seconds(5);
    train::writeRandomInputs(program, 1);
    std::vector<double> best;
    const auto begin = std::chrono::steady_clock::now();
    for (int round = 0; round < mostRounds; ++round) {
        if (round >= fewestRounds && std::chrono::steady_clock::now() - begin > enough)
            break;
        const auto times = program.executable().timeOps();
        best.resize(times.size(), 1e300);
        for (size_t i = 0; i < times.size(); ++i)
            best[i] = std::min(best[i], times[i]);
    }
    return best;
}

/// How the elements of every value follow each other in memory: as the operation prescribes that makes it, else as in
/// an operand of the same shape; empty where nothing names the axes.
std::vector<std::string> layoutsOf(const ir::Program& program)
{
    std::vector<std::string> layouts(program.values.size());
    for (const ir::Op& op : program.ops) {
        const auto result = static_cast<size_t>(op.outputs.at(0));
        const Shape& shape = program.values[result].type.shape;
        std::string& layout = layouts[result];
        layout = ir::prescribedLayout(op.type->id, shape);
        for (const ir::ValueId operand : op.inputs)
            if (layout.empty() && operand != ir::noValue && program.typeOf(operand).shape == shape)
                layout = layouts[static_cast<size_t>(operand)];
    }
    return layouts;
}

std::string bufferOf(const compile::Location& place)
{
    static constexpr const char* segments[] = {"arena", "parameters", "state", "slots"};
    return std::string(segments[static_cast<int>(place.segment)]) + "+" + grouped(place.offset);
}

/// One operation as everything that is known of it; `seconds` is 0 where it was not measured.
Json operationJson(
    const compile::Plan& plan, const ir::Op& op, const std::string& kernel, const std::string& layout)
{
    const ir::ValueId result = op.outputs.at(0);
    const Shape& shape = plan.program.typeOf(result).shape;
    return {{"operation", op.type->id}, {"fused", compile::fusionOf(plan.program, op)}, {"node", op.node},
        {"kernel", op.type->alias ? "no copy" : kernel}, {"result", shape.toString()},
        {"layout", layout}, {"buffer", bufferOf(plan.locations[static_cast<size_t>(result)])},
        {"bytes", ir::bytesOf(plan.program, op)}, {"flops", ir::flopsOf(plan.program, op)}};
}

/// Adds what was measured: seconds and the share of what the roof allows for these operations and bytes.
void addTime(Json& operation, double seconds, const cpu::MachinePeaks& peaks)
{
    operation["seconds"] = seconds;
    if (peaks.gflops <= 0 || seconds <= 0)
        return;
    const double possible = std::max(operation["flops"].get<double>() / peaks.gflops,
                                operation["bytes"].get<double>() / peaks.gigabytesPerSecond) *
                            1e-9;
    operation["share_of_roof"] = possible / seconds;
}

Json programJson(train::LoadedProgram& program, const PlanOptions& options, const cpu::MachinePeaks& peaks)
{
    const compile::Plan& plan = program.plan();
    std::vector<std::string> kernels = program.executable().kernels();
    kernels.resize(plan.program.ops.size());
    const auto seconds = options.time ? timeOperations(program) : std::vector<double>();
    const auto layouts = layoutsOf(plan.program);
    Json operations = Json::array();
    for (size_t i = 0; i < plan.program.ops.size(); ++i) {
        const ir::Op& op = plan.program.ops[i];
        Json operation =
            operationJson(plan, op, kernels[i], layouts[static_cast<size_t>(op.outputs.at(0))]);
        if (i < seconds.size())
            addTime(operation, seconds[i], peaks);
        operations.push_back(std::move(operation));
    }
    return {{"operations", std::move(operations)}, {"arena_bytes", plan.arenaBytes},
        {"copied_updates", plan.copies.size()}};
}

std::string shortened(const std::string& text)
{
    constexpr size_t most = 36;
    return text.size() <= most ? text : text.substr(0, text.find_last_of(' ', most)) + " …";
}

std::vector<std::string> row(const Json& operation, double total)
{
    const auto text = [&](const char* key) { return operation.at(key).get<std::string>(); };
    std::vector<std::string> cells{text("operation"), shortened(text("fused")), text("node"), text("kernel"),
        text("result"), text("layout"), text("buffer"), grouped(operation.at("bytes").get<int64_t>()),
        grouped(operation.at("flops").get<int64_t>())};
    if (total <= 0)
        return cells;
    const double seconds = operation.at("seconds").get<double>();
    const auto rate = [&](const char* key) {
        return seconds > 0 ? decimals(operation.at(key).get<double>() / seconds * 1e-9, 1) : "";
    };
    const bool moves = operation.at("bytes").get<int64_t>() > 0;
    cells.insert(cells.end(), {decimals(seconds * 1e3, 3), percent(seconds / total),
                                  moves ? rate("flops") : "", moves ? rate("bytes") : "",
                                  moves && operation.contains("share_of_roof")
                                      ? percent(operation["share_of_roof"].get<double>(), 0)
                                      : ""});
    return cells;
}

double sumOf(const Json& operations, const char* key)
{
    double sum = 0;
    for (const Json& operation : operations)
        sum += operation.value(key, 0.0);
    return sum;
}

std::string programText(const Json& program, bool timed)
{
    std::vector<std::string> headings{
        "operation", "fused", "node", "kernel", "result", "layout", "buffer", ">bytes", ">FLOP"};
    if (timed)
        headings.insert(headings.end(), {">ms", ">share", ">GFLOP/s", ">GB/s", ">of roof"});
    TextTable table(headings);
    const Json& operations = program["operations"];
    const double total = timed ? sumOf(operations, "seconds") : 0;
    for (const Json& operation : operations)
        table.add(row(operation, total));
    table.rule();
    std::vector<std::string> sum{"sum", "", "", "", "", "", "",
        grouped(std::llround(sumOf(operations, "bytes"))), grouped(std::llround(sumOf(operations, "flops")))};
    if (timed)
        sum.insert(sum.end(), {decimals(total * 1e3, 3), "", "", "", ""});
    table.add(std::move(sum));
    return table.toString() + grouped(static_cast<int64_t>(operations.size())) + " operations, arena " +
           grouped(program["arena_bytes"].get<int64_t>()) + " bytes, " +
           grouped(program["copied_updates"].get<int64_t>()) + " updates copied\n";
}

Status runPlan(const PlanOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    if (options.batch > 0)
        project->training.batch = options.batch;
    auto plan = load(options, *project);
    if (!plan)
        return plan.error();
    const std::string device = options.devices.empty() ? options.device : options.devices.front();
    const bool onCpu = device == "cpu";
    const int threads = options.threads > 0 ? options.threads : ThreadPool::availableCores();
    const cpu::MachinePeaks peaks = options.time && onCpu ? cpu::measurePeaks(threads) : cpu::MachinePeaks();
    Json json{{"batch", project->training.batch}, {"programs", Json::array()}};
    std::string text;
    for (train::LoadedProgram* program : plan->programs()) {
        json["programs"].push_back(programJson(*program, options, peaks));
        text += (text.empty() ? "" : "\n") + programText(json["programs"].back(), options.time);
    }
    if (peaks.gflops > 0) {
        json["peaks"] = {{"threads", threads}, {"gflops", peaks.gflops},
            {"gigabytes_per_second", peaks.gigabytesPerSecond}};
        text += "\nRoof, measured on " + std::to_string(threads) +
                (threads == 1 ? " thread: " : " threads: ") + decimals(peaks.gflops, 0) + " GFLOP/s, " +
                decimals(peaks.gigabytesPerSecond, 1) +
                " GB/s from memory. Above 100 %: from the caches, or with fewer operations than the direct "
                "algorithm.\n";
    }
    train::SessionOptions session;
    session.device = options.device;
    session.devices = options.devices;
    session.threads = options.threads;
    session.publish = false;
    if (!options.forward)
        if (const auto need = train::memoryNeed(*project, {}, session)) {
            json["memory"] = memoryJson(*need);
            text += memoryLine(*need);
        }
    return emit(options, "plan", json, text);
}

} // namespace

Command plan()
{
    return {"plan", "Show the primitive operations a project is compiled to", [](CLI::App& app) {
                auto options = std::make_shared<PlanOptions>();
                addCommonOptions(app, *options);
                app.add_option("--batch", options->batch, "Replaces the project's batch size")
                    ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
                app.add_option("--devices", options->devices,
                       "Several that share every batch, of which the first one's share is shown: cuda:0,cuda:1")
                    ->type_name("DEVICES")
                    ->delimiter(',')
                    ->excludes("--device");
                app.add_flag("--forward", options->forward, "The judging pass instead of the training step");
                app.add_flag("--time", options->time, "Runs it and says how long each operation takes");
                return [options] { return runPlan(*options); };
            }};
}

} // namespace gradloom::cli
