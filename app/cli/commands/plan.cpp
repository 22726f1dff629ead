#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/base/philox.h"
#include "engine/train/methods.h"
#include "engine/train/step_program.h"

#include <algorithm>

namespace gradloom::cli {

namespace {

struct PlanOptions : CommonOptions
{
    int64_t batch = 0;
    bool time = false;
    bool forward = false;
};

Result<ir::Program> programOf(const PlanOptions& options, const project::Project& project)
{
    train::ProgramOptions how;
    how.batch = options.batch > 0 ? options.batch : project.training.batch;
    how.training = !options.forward;
    if (options.forward)
        return train::forwardProgram(project.graph, how);
    auto methods = train::chooseMethods(project.training);
    if (!methods)
        return methods.error();
    return train::trainingProgram(project.graph, how, {methods->rule()});
}

/// Random samples, labels and tokens 0: enough to measure time, without the data set.
void fillInputs(train::LoadedProgram& program, int64_t batch)
{
    if (const TensorType* type = program.inputType("input")) {
        Tensor samples(type->shape, type->dtype);
        Random random(1);
        if (type->dtype == DType::F32)
            for (float& value : samples.floats())
                value = random.uniform();
        program.write("input", samples);
    }
    for (const ir::Value& value : program.program().values)
        if (value.input && value.name.starts_with("labels"))
            program.write(value.name, Tensor(value.type.shape, value.type.dtype));
    Tensor weights(Shape{batch});
    std::fill(weights.floats().begin(), weights.floats().end(), 1.0f);
    program.write("weights", weights);
    program.write("filled", weights);
    program.write("random", Tensor(Shape{4}, DType::I32));
    program.write("learning_rate", 1e-6f);
    program.write("step", 1.0f);
}

/// The fastest of some runs, for each operation.
std::vector<double> timeOperations(train::LoadedProgram& program)
{
    constexpr int rounds = 20;
    std::vector<double> best;
    for (int round = 0; round < rounds; ++round) {
        const auto times = program.executable().timeOps();
        best.resize(times.size(), 1e300);
        for (size_t i = 0; i < times.size(); ++i)
            best[i] = std::min(best[i], times[i]);
    }
    return best;
}

Status time(const PlanOptions& options, const project::Project& project, ir::Program program)
{
    auto device = openDevice(options);
    if (!device)
        return device.error();
    auto model = train::Model::create(project.graph, {}, *device, project.training.seed);
    if (!model)
        return model.error();
    backend::ModelMemory memory = (*model)->memory();
    if (program.slotElements > 0) {
        auto slots = (*device)->allocate(program.slotElements * 4);
        if (!slots)
            return slots.error();
        const Buffer zeros(program.slotElements * 4);
        (*slots)->upload({zeros.data(), static_cast<size_t>(zeros.bytes())}, 0);
        memory.slots = std::move(*slots);
    }
    auto loaded = train::LoadedProgram::load(**device, memory, std::move(program));
    if (!loaded)
        return loaded.error();
    fillInputs(**loaded, options.batch > 0 ? options.batch : project.training.batch);
    const auto seconds = timeOperations(**loaded);
    const ir::Program& planned = (*loaded)->program();
    double total = 0;
    for (const double value : seconds)
        total += value;
    Json json = Json::array();
    TextTable table({"operation", "node", "result", ">ms", ">share", ">GFLOP/s"});
    for (size_t i = 0; i < seconds.size() && i < planned.ops.size(); ++i) {
        const ir::Op& op = planned.ops[i];
        const auto flops = static_cast<double>(ir::flopsOf(planned, op));
        const std::string shape = op.outputs.empty() ? "" : planned.typeOf(op.outputs[0]).shape.toString();
        const double speed = seconds[i] > 0 ? flops / seconds[i] * 1e-9 : 0;
        json.push_back({{"operation", op.type->id}, {"node", op.node}, {"result", shape},
            {"seconds", seconds[i]}, {"gflops", speed}});
        table.add({op.type->id, op.node, shape, decimals(seconds[i] * 1e3, 3), percent(seconds[i] / total),
            decimals(speed, 1)});
    }
    table.rule();
    table.add({"sum", "", "", decimals(total * 1e3, 3), "", ""});
    return emit(options, "plan", json, table.toString());
}

Status run(const PlanOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto program = programOf(options, *project);
    if (!program)
        return program.error();
    if (options.time)
        return time(options, *project, std::move(*program));
    const std::string text = compile::plan(std::move(*program)).toString();
    return emit(options, "plan", Json{{"plan", text}}, text);
}

} // namespace

Command plan()
{
    return {"plan", "Show the primitive operations a project is compiled to", [](CLI::App& app) {
                auto options = std::make_shared<PlanOptions>();
                addCommonOptions(app, *options);
                app.add_option("--batch", options->batch, "Replaces the project's batch size")
                    ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
                app.add_flag("--forward", options->forward, "The judging pass instead of the training step");
                app.add_flag("--time", options->time, "Runs it and says how long each operation takes");
                return [options] { return run(*options); };
            }};
}

} // namespace gradloom::cli
