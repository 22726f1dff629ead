#include "app/cli/command.h"
#include "app/cli/common.h"
#include "engine/data/image.h"
#include "engine/data/restore.h"
#include "engine/train/picture_maker.h"

#include <cmath>

namespace gradloom::cli {

namespace {

struct GenerateOptions : TrainedOptions
{
    int64_t count = 64;
    std::string output;
    std::string raw;
};

Status writeMade(const GenerateOptions& options, const train::Preparation& how, const Tensor& made)
{
    if (!options.raw.empty())
        if (Status status = data::writeNpy(options.raw, made); !status)
            return status;
    if (options.output.empty())
        return {};
    const Shape sample = made.shape().withoutFirst();
    if (sample.rank() != 3 || (sample[2] != 1 && sample[2] != 3))
        return unsupported("What the network makes, " + sample.toString() +
                           ", is no picture; write the numbers with --raw.");
    const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(options.count))));
    const Tensor pictures = data::restorePictures(how.preprocess, how.valueMaximum, made);
    return data::writePng(options.output, data::pictureGrid(pictures, columns));
}

Status runGenerate(const GenerateOptions& options)
{
    if (options.output.empty() && options.raw.empty())
        return invalidArgument("Nothing says where to write to: give -o FILE.png or --raw FILE.npy.");
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto model = loadModel(options, *project, options.weights);
    if (!model)
        return model.error();
    auto how = preparationFor(options, *project, *model);
    if (!how)
        return how.error();
    auto made = train::generate(*model->model, options.count, project->training.seed);
    if (!made)
        return made.error();
    if (Status status = writeMade(options, *how, *made); !status)
        return status;
    const std::string shape = made->shape().withoutFirst().toString();
    std::string text = std::to_string(options.count) + " samples of " + shape;
    for (const std::string& file : {options.output, options.raw})
        if (!file.empty())
            text += ", " + file;
    return emit(options, "generate",
        Json{{"count", options.count}, {"shape", made->shape().withoutFirst().toVector()}, {"picture", options.output},
            {"raw", options.raw}},
        text + "\n");
}

} // namespace

Command generate()
{
    return {"generate", "Make new samples with a trained GAN or variational autoencoder", [](CLI::App& app) {
                auto options = std::make_shared<GenerateOptions>();
                addTrainedOptions(app, *options);
                app.add_option("--count", options->count, "How many; --seed chooses which")
                    ->check(CLI::Range(1, 100000))
                    ->capture_default_str();
                app.add_option("-o,--output", options->output, "Picture of all of them to write (PNG)")->type_name("FILE");
                app.add_option("--raw", options->raw, "Numbers to write (NumPy)")->type_name("FILE");
                return [options] { return runGenerate(*options); };
            }};
}

} // namespace gradloom::cli
