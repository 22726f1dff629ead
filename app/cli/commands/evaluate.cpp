#include "app/cli/command.h"
#include "app/cli/results.h"

namespace gradloom::cli {

namespace {

struct EvaluateOptions : TrainedOptions
{
    std::string split = "test";
    int64_t batch = 128;
};

const data::DataPart& partOf(const train::RunData& data, const std::string& split)
{
    return split == "test" ? data.split.test : split == "train" ? data.split.training : data.split.validation;
}

Status runEvaluate(const EvaluateOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto data = loadData(options, *project);
    if (!data)
        return data.error();
    if (Status fit = train::checkFit(project->graph, (*data)->loaded); !fit)
        return fit;
    auto model = loadModel(options, *project, options.weights, (*data)->labels());
    if (!model)
        return model.error();
    const data::DataPart& part = partOf(**data, options.split);
    if (part.empty())
        return invalidArgument(
            "The project holds nothing out for validation, so there is no split \"validation\".");
    // As in training: a network must see new samples prepared in the same way.
    const data::Preprocess& preprocess =
        model->preparation ? model->preparation->preprocess : (*data)->preprocess;
    train::EvaluateOptions how;
    how.batch = options.batch;
    how.deviations = (*data)->deviations();
    auto evaluation = train::evaluate(*model->model, part, preprocess, (*data)->classes(), how);
    if (!evaluation)
        return evaluation.error();
    const data::Target* target = (*data)->judged(project->graph);
    const auto names = target && target->isClasses() ? target->names : std::vector<std::string>();
    Json json = evaluationJson(*evaluation, names);
    json["split"] = options.split;
    return emit(options, "evaluation", json, evaluationText(*evaluation, names));
}

} // namespace

Command evaluate()
{
    return {"evaluate", "Judge trained weights on a part of the data", [](CLI::App& app) {
                auto options = std::make_shared<EvaluateOptions>();
                addTrainedOptions(app, *options);
                app.add_option("--split", options->split, "Part of the data")
                    ->check(CLI::IsMember({"test", "validation", "train"}))
                    ->capture_default_str();
                app.add_option("--batch", options->batch, "Samples at a time")->check(CLI::Range(1, 1 << 20));
                return [options] { return runEvaluate(*options); };
            }};
}

} // namespace gradloom::cli
