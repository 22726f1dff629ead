#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/base/file.h"
#include "engine/data/image.h"
#include "engine/explain/method_type.h"
#include "engine/explain/overlay.h"

#include <algorithm>

namespace gradloom::cli {

namespace {

struct ExplainOptions : TrainedOptions
{
    std::string method = "gradcam";
    std::string split = "test";
    std::string image; ///< instead of a sample of the data
    std::string layer;
    std::string classText;
    std::string output;
    std::string raw;
    int64_t index = 0;
    int64_t scale = 0; ///< 0: so that the picture is large enough to be looked at
    double strength = 0.6;
};

/// What is explained: the picture as stored, for the overlay, and as the network sees it.
struct Picture
{
    Tensor stored;
    Tensor sample;
    float maximum = 255;
    std::optional<int32_t> label;
    std::vector<std::string> classNames;
};

Result<Picture> pictureOf(
    const ExplainOptions& options, const project::Project& project, const TrainedModel& model)
{
    Picture picture;
    if (!options.image.empty() && model.preparation) {
        const ir::Program& layout = model.model->layout();
        const auto input = layout.find("input");
        if (input == ir::noValue)
            return invalidArgument("The drawing has no Input node.");
        auto image = data::readImage(options.image, layout.typeOf(input).shape.withoutFirst());
        if (!image)
            return image.error();
        picture.stored = std::move(*image);
        picture.sample = Tensor(picture.stored.shape());
        picture.classNames = model.preparation->classNames;
        data::applyPreprocess(model.preparation->preprocess, picture.stored, picture.sample.floats());
        return picture;
    }
    if (!options.image.empty())
        return invalidFile(
            options.weights + " does not say how pictures are prepared; use --index instead of --image.");
    auto data = loadData(options, project);
    if (!data)
        return data.error();
    const auto& split = (*data)->split;
    const data::DataPart& part = options.split == "test"    ? split.test
                                 : options.split == "train" ? split.training
                                                            : split.validation;
    if (options.index < 0 || options.index >= part.count())
        return invalidArgument("There is no sample " + std::to_string(options.index) + "; the split \"" +
                               options.split + "\" has " + std::to_string(part.count()) + ".");
    const int64_t at = part.indices[static_cast<size_t>(options.index)];
    picture.stored = part.dataset->sample(at);
    picture.maximum = (*data)->loaded.valueMaximum;
    if (const int32_t label = part.dataset->label(at); label >= 0)
        picture.label = label;
    picture.classNames = (*data)->loaded.classNames();
    picture.sample = data::preprocessed(
        model.preparation ? model.preparation->preprocess : (*data)->preprocess, picture.stored);
    return picture;
}

Json answerJson(const ExplainOptions& options, const Picture& picture, const explain::Answer& answer)
{
    const auto probabilities = answer.probabilities.floats();
    Json json{{"method", options.method}, {"layer", answer.layer}, {"class", answer.classIndex},
        {"class_name", className(picture.classNames, answer.classIndex)},
        {"probabilities", std::vector<float>(probabilities.begin(), probabilities.end())},
        {"map_shape", answer.map.shape().toVector()}, {"seconds", answer.seconds}};
    if (picture.label)
        json["label"] = *picture.label;
    if (!options.output.empty())
        json["overlay"] = options.output;
    if (!options.raw.empty())
        json["raw"] = options.raw;
    return json;
}

std::string answerText(const ExplainOptions& options, const Picture& picture, const explain::Answer& answer)
{
    const auto probabilities = answer.probabilities.floats();
    const bool single = probabilities.size() == 1;
    const float share = single ? (answer.classIndex == 0 ? 1 - probabilities[0] : probabilities[0])
                               : probabilities[static_cast<size_t>(answer.classIndex)];
    std::string text = "class  " + className(picture.classNames, answer.classIndex) + " (" + percent(share) +
                       ")\nlayer  " + answer.layer + " (" + answer.map.shape().toString() + ")\n";
    if (!options.output.empty())
        text += "picture  " + options.output + "\n";
    return text;
}

Status writeExplanation(const ExplainOptions& options, const Picture& picture, const explain::Answer& answer)
{
    if (!options.output.empty()) {
        const Shape& shape = picture.stored.shape();
        explain::OverlayOptions how;
        how.strength = static_cast<float>(options.strength);
        constexpr int64_t comfortable = 224;
        how.scale = options.scale > 0
                        ? options.scale
                        : std::max<int64_t>(1, (comfortable + shape[0] - 1) / std::max<int64_t>(shape[0], 1));
        const Tensor picturePng = explain::overlay(picture.stored, answer.heat, picture.maximum, how);
        if (Status status = data::writePng(options.output, picturePng); !status)
            return status;
    }
    return options.raw.empty() ? Status() : data::writeNpy(options.raw, answer.map);
}

Status runExplain(ExplainOptions options)
{
    const explain::MethodType* method = explain::methodTypes().find(options.method);
    if (!method)
        return notFound("There is no method \"" + options.method + "\".");
    if (options.output.empty() && !options.out.empty())
        options.output = (std::filesystem::path(options.out) / "explain.png").string();
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto model = loadModel(options, *project, options.weights);
    if (!model)
        return model.error();
    auto picture = pictureOf(options, *project, *model);
    if (!picture)
        return picture.error();
    if (picture->stored.shape().rank() != 3)
        return unsupported("Only networks that look at pictures (height × width × channels) can be explained "
                           "by an overlay.");
    explain::Question question;
    question.sample = picture->sample;
    question.layer = options.layer;
    if (!options.classText.empty()) {
        const auto count = static_cast<int64_t>(picture->classNames.size());
        auto index = findClass(options.classText, picture->classNames, count);
        if (!index)
            return index.error();
        question.classIndex = *index;
    }
    auto params = completeParams(method->parameters, {}, method->id);
    if (!params)
        return params.error();
    question.params = std::move(*params);
    auto answer = method->explain(*model->model, question);
    if (!answer)
        return answer.error();
    if (!options.out.empty())
        if (Status status = makeFolder(options.out); !status)
            return status;
    if (Status status = writeExplanation(options, *picture, *answer); !status)
        return status;
    return emit(
        options, "explain", answerJson(options, *picture, *answer), answerText(options, *picture, *answer));
}

std::vector<std::string> methodIds()
{
    std::vector<std::string> ids;
    for (const auto& type : explain::methodTypes().all())
        ids.push_back(type.id);
    return ids;
}

} // namespace

Command explain()
{
    return {
        "explain", "Show where a network looks for a class", [](CLI::App& app) {
            auto options = std::make_shared<ExplainOptions>();
            addTrainedOptions(app, *options);
            app.add_option("--method", options->method, "Method")
                ->check(CLI::IsMember(methodIds()))
                ->capture_default_str();
            app.add_option("--split", options->split, "Part of the data that --index counts in")
                ->check(CLI::IsMember({"test", "validation", "train"}))
                ->capture_default_str();
            auto* index = app.add_option("--index", options->index, "Sample of the split, from 0")
                              ->check(CLI::NonNegativeNumber);
            app.add_option("--image", options->image, "A picture of your own instead of a sample")
                ->type_name("FILE")
                ->excludes(index);
            app.add_option(
                   "--class", options->classText, "Class, by number or name; the predicted one if not given")
                ->type_name("CLASS");
            app.add_option("--layer", options->layer, "Node to look at; the last convolution if not given")
                ->type_name("NODE");
            app.add_option("-o,--output", options->output, "Overlay to write (PNG)")->type_name("FILE");
            app.add_option("--raw", options->raw, "Map to write at the layer's resolution (NumPy)")
                ->type_name("FILE");
            app.add_option("--scale", options->scale, "Enlarges the overlay; 0: to about 224 pixels")
                ->check(CLI::Range(0, 64));
            app.add_option("--strength", options->strength, "Strength of the heat, 0 to 1")
                ->check(CLI::Range(0.0, 1.0));
            return [options] { return runExplain(*options); };
        }};
}

} // namespace gradloom::cli
