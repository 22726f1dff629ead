#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/base/file.h"
#include "engine/data/image.h"
#include "engine/data/npy.h"
#include "engine/data/text.h"
#include "engine/data/vocabulary.h"
#include "engine/train/evaluate.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace gradloom::cli {

namespace {

struct PredictOptions : TrainedOptions
{
    std::vector<std::string> inputs;
};

/// Prepared pictures are bytes; a data set of numbers up to 1 was prepared for a smaller range.
void matchRange(train::Preparation& how)
{
    constexpr float bytes = 255;
    how.preprocess.scale *= how.valueMaximum / bytes;
}

/// What is predicted: where it comes from and how the network sees it.
struct PredictSample
{
    std::string name;
    Tensor values;
};
using PredictSamples = std::vector<PredictSample>;

Result<PredictSamples> readPictures(
    const PredictOptions& options, const train::Preparation& how, const Shape& shape)
{
    PredictSamples samples;
    for (const std::string& input : options.inputs) {
        auto image = data::readImage(input, shape);
        if (!image)
            return image.error();
        samples.push_back({input, data::preprocessed(how.preprocess, *image)});
    }
    return samples;
}

/// An array of samples, first dimension: the samples.
Status addArray(const std::string& input, const train::Preparation& how, const TensorType& wanted,
    PredictSamples& samples)
{
    auto arrays = data::readArrays(input);
    if (!arrays)
        return arrays.error();
    data::Dataset all;
    all.samples = std::move(arrays->begin()->second);
    const bool tokens = wanted.dtype == DType::I32;
    const bool fits = all.samples.shape().rank() > 1 && all.sampleShape() == wanted.shape &&
                      (all.samples.dtype() == DType::I32) == tokens;
    if (!fits)
        return invalidArgument(input + " holds " + all.samples.shape().toString() + " " +
                               nameOf(all.samples.dtype()) + " but the network takes samples of " +
                               wanted.shape.toString() +
                               (tokens ? " tokens (int32)." : " numbers (float32 or uint8)."));
    for (int64_t i = 0; i < all.count(); ++i)
        samples.push_back(
            {input + "#" + std::to_string(i), data::preprocessedSample(how.preprocess, all, i)});
    return {};
}

/// Lines of a table or texts: those of a file, or the input itself.
Result<std::vector<std::string>> linesOfInput(const std::string& input)
{
    std::error_code code;
    if (!std::filesystem::is_regular_file(input, code))
        return std::vector<std::string>{input};
    constexpr int64_t most = int64_t{64} << 20;
    auto text = readFile(input, most);
    if (!text)
        return text.error();
    if (Status status = data::checkText(*text, input); !status)
        return status.error();
    std::vector<std::string> lines;
    for (const std::string_view line : data::linesOf(data::withoutMark(*text)))
        if (!data::trimmed(line).empty())
            lines.emplace_back(line);
    return lines;
}

Result<PredictSamples> readLines(
    const PredictOptions& options, const project::Project& project, const train::Preparation& how)
{
    // How a line becomes a sample is known to the source, which learned it from its data.
    auto data = loadData(options, project);
    if (!data)
        return data.error();
    if (!(*data)->loaded.encode)
        return unsupported("Samples of the data source \"" + project.data.source.type +
                           "\" cannot be written as a line; give them as NumPy array (*.npy).");
    PredictSamples samples;
    for (const std::string& input : options.inputs) {
        const auto lines = linesOfInput(input);
        if (!lines)
            return lines.error();
        for (const std::string& line : *lines) {
            auto sample = (*data)->loaded.encode(line);
            if (!sample)
                return sample.error();
            samples.push_back({line, data::preprocessed(how.preprocess, *sample)});
        }
    }
    return samples;
}

bool isArray(const std::string& input)
{
    return input.ends_with(".npy") || input.ends_with(".npz");
}

Result<PredictSamples> readInputs(const PredictOptions& options, const project::Project& project,
    train::Preparation how, const TensorType& wanted)
{
    if (std::all_of(options.inputs.begin(), options.inputs.end(), isArray)) {
        PredictSamples samples;
        for (const std::string& input : options.inputs)
            if (Status status = addArray(input, how, wanted, samples); !status)
                return status.error();
        return samples;
    }
    if (wanted.shape.rank() != 3)
        return readLines(options, project, how);
    matchRange(how);
    return readPictures(options, how, wanted.shape);
}

/// All samples as one tensor.
Result<Tensor> joined(const PredictSamples& samples, const TensorType& wanted)
{
    if (samples.empty())
        return invalidArgument("There is nothing to predict: the input holds no lines.");
    Tensor all(wanted.shape.prepended(static_cast<int64_t>(samples.size())), wanted.dtype);
    std::byte* at = all.data();
    for (const PredictSample& sample : samples) {
        if (sample.values.type() != wanted)
            return invalidArgument("The network takes samples of " + wanted.shape.toString() + " but " +
                                   sample.name + " is " + sample.values.shape().toString() + ".");
        std::memcpy(at, sample.values.data(), static_cast<size_t>(sample.values.bytes()));
        at += sample.values.bytes();
    }
    return all;
}

/// Regression and autoencoders have no classes, only numbers.
bool tellsClasses(size_t columns, const std::vector<std::string>& names)
{
    return columns == 1 ? names.size() == 2 : columns >= names.size() && columns > 1 && !names.empty();
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

/// What is shown of a prediction: all of it, but of a language model's (steps × tokens) the step of the last token
/// that is no padding, which says what comes next.
std::span<const float> shownPart(const Tensor& predictions, size_t index, const Tensor& sample)
{
    const Shape& shape = predictions.shape();
    const auto whole = static_cast<size_t>(shape.withoutFirst().elements());
    const auto part = predictions.floats().subspan(index * whole, whole);
    if (shape.rank() != 3 || sample.dtype() != DType::I32 || sample.elements() != shape[1])
        return part;
    const auto tokens = sample.as<int32_t>();
    size_t last = tokens.size() - 1;
    while (last > 0 && tokens[last] == data::Vocabulary::padding)
        --last;
    const auto row = static_cast<size_t>(shape[2]);
    return part.subspan(last * row, row);
}

/// Numbers were learned with mean 0 and deviation 1.
void inOwnUnit(std::vector<float>& values, const train::Preparation& how)
{
    const size_t places = how.mean.size();
    if (places == 0 || values.size() % places != 0)
        return;
    for (size_t i = 0; i < values.size(); ++i)
        values[i] = values[i] * how.deviation[i % places] + how.mean[i % places];
}

std::string numbersText(const std::string& input, std::span<const float> values, const std::string& unit)
{
    constexpr size_t shown = 8;
    if (values.size() > shown)
        return input + ": " + std::to_string(values.size()) + " numbers, see --json\n";
    std::string text = input + ":";
    for (const float value : values) {
        char number[32];
        std::snprintf(number, sizeof number, " %.6g", static_cast<double>(value));
        text += number;
    }
    return text + (unit.empty() ? "" : " " + unit) + "\n";
}

Status runPredict(const PredictOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto model = loadModel(options, *project, options.weights);
    if (!model)
        return model.error();
    const auto how = preparationFor(options, *project, *model);
    if (!how)
        return how.error();
    const ir::Program& layout = model->model->layout();
    const auto input = layout.find("input");
    if (input == ir::noValue)
        return invalidArgument("The drawing of " + options.project + " has no Input node.");
    const TensorType wanted{layout.typeOf(input).shape.withoutFirst(), layout.typeOf(input).dtype};
    const auto samples = readInputs(options, *project, *how, wanted);
    if (!samples)
        return samples.error();
    const auto all = joined(*samples, wanted);
    if (!all)
        return all.error();
    auto predictions = train::predict(*model->model, *all);
    if (!predictions)
        return predictions.error();
    Json json = Json::array();
    std::string text;
    for (size_t i = 0; i < samples->size(); ++i) {
        const auto values = shownPart(*predictions, i, (*samples)[i].values);
        const size_t columns = values.size();
        std::vector<float> row(values.begin(), values.end());
        const std::string& name = (*samples)[i].name;
        if (!tellsClasses(columns, how->classNames)) {
            inOwnUnit(row, *how);
            json.push_back({{"input", name}, {"values", row}});
            text += numbersText(name, row, how->unit);
            continue;
        }
        if (columns == 1) // one number is the probability of the second class
            row = {1 - values[0], values[0]};
        json.push_back(predictionJson(name, row, how->classNames));
        text += predictionText(name, row, how->classNames);
    }
    return emit(options, "predictions", json, text);
}

} // namespace

Command predict()
{
    return {"predict", "Say what a network sees in pictures, texts or lines of a table", [](CLI::App& app) {
                auto options = std::make_shared<PredictOptions>();
                addTrainedOptions(app, *options);
                app.add_option("INPUT", options->inputs,
                       "Pictures: PNG, JPEG, or sample N of an IDX file as FILE#N. Lines of a table or "
                       "texts, or files "
                       "with one a line. Arrays: *.npy")
                    ->required();
                return [options] { return runPredict(*options); };
            }};
}

} // namespace gradloom::cli
