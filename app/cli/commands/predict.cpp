#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/data/image.h"
#include "engine/train/evaluate.h"

#include <algorithm>

namespace gradloom::cli {

namespace {

struct PredictOptions : CommonOptions
{
    std::string weights;
    std::vector<std::string> inputs;
};

/// How samples are prepared: from the weights' file, else from the project's data.
Result<train::Preparation> preparation(
    const PredictOptions& options, const project::Project& project, const TrainedModel& model)
{
    if (model.preparation)
        return *model.preparation;
    auto data = loadData(options, project);
    if (!data)
        return data.error();
    return train::preparationOf(**data, project.graph);
}

Result<Tensor> readSamples(const PredictOptions& options, const train::Preparation& how, const Shape& shape)
{
    if (shape.rank() != 3)
        return unsupported("Only networks that look at pictures (height × width × channels) can predict "
                           "files; this one takes " +
                           shape.toString() + ".");
    Tensor samples(shape.prepended(static_cast<int64_t>(options.inputs.size())));
    const auto elements = static_cast<size_t>(shape.elements());
    for (size_t i = 0; i < options.inputs.size(); ++i) {
        auto image = data::readImage(options.inputs[i], shape);
        if (!image)
            return image.error();
        data::applyPreprocess(how.preprocess, *image, samples.floats().subspan(i * elements, elements));
    }
    return samples;
}

/// Regression and autoencoders have no classes, only numbers.
bool tellsClasses(size_t columns, const std::vector<std::string>& names)
{
    return columns == 1 ? names.size() == 2 : columns >= names.size() && columns > 1 && !names.empty();
}

/// Prepared pictures are bytes; a data set of numbers up to 1 was prepared for a smaller range.
void matchRange(train::Preparation& how)
{
    constexpr float bytes = 255;
    how.preprocess.scale *= how.valueMaximum / bytes;
}

Json predictionJson(
    const std::string& input, std::span<const float> values, const std::vector<std::string>& names)
{
    const int32_t best = train::predictedClass(values);
    Json probabilities = Json::object();
    for (size_t c = 0; c < values.size(); ++c)
        probabilities[className(names, static_cast<int64_t>(c))] = values[c];
    return Json{{"input", input}, {"class", best}, {"class_name", className(names, best)},
        {"probabilities", probabilities}};
}

std::string predictionText(
    const std::string& input, std::span<const float> values, const std::vector<std::string>& names)
{
    constexpr size_t shown = 3;
    std::vector<size_t> order(values.size());
    for (size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
    std::string text = input + ":";
    for (size_t i = 0; i < std::min(shown, order.size()); ++i)
        text += (i ? ", " : " ") + className(names, static_cast<int64_t>(order[i])) + " " +
                percent(values[order[i]]);
    return text + "\n";
}

Status run(const PredictOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto model = loadModel(options, *project, options.weights);
    if (!model)
        return model.error();
    auto how = preparation(options, *project, *model);
    if (!how)
        return how.error();
    matchRange(*how);
    const ir::Program& layout = model->model->layout();
    const auto input = layout.find("input");
    if (input == ir::noValue)
        return invalidArgument("The drawing of " + options.project + " has no Input node.");
    auto samples = readSamples(options, *how, layout.typeOf(input).shape.withoutFirst());
    if (!samples)
        return samples.error();
    auto predictions = train::predict(*model->model, *samples);
    if (!predictions)
        return predictions.error();
    const size_t columns = predictions->floats().size() / options.inputs.size();
    Json json = Json::array();
    std::string text;
    for (size_t i = 0; i < options.inputs.size(); ++i) {
        const auto values = predictions->floats().subspan(i * columns, columns);
        std::vector<float> row(values.begin(), values.end());
        if (!tellsClasses(columns, how->classNames)) {
            json.push_back({{"input", options.inputs[i]}, {"values", row}});
            text += options.inputs[i] + ": " + std::to_string(columns) + " numbers, see --json\n";
            continue;
        }
        if (columns == 1) // one number is the probability of the second class
            row = {1 - values[0], values[0]};
        json.push_back(predictionJson(options.inputs[i], row, how->classNames));
        text += predictionText(options.inputs[i], row, how->classNames);
    }
    return emit(options, "predictions", json, text);
}

} // namespace

Command predict()
{
    return {"predict", "Say what a network sees in pictures", [](CLI::App& app) {
                auto options = std::make_shared<PredictOptions>();
                addCommonOptions(app, *options);
                app.add_option("--weights", options->weights, "Weights of the network")
                    ->type_name("FILE")
                    ->required();
                app.add_option(
                       "INPUT", options->inputs, "Pictures: PNG, JPEG, or sample N of an IDX file as FILE#N")
                    ->required();
                return [options] { return run(*options); };
            }};
}

} // namespace gradloom::cli
