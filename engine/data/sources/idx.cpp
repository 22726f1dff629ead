#include "engine/data/idx.h"
#include "engine/data/source_type.h"
#include "engine/data/text.h"

#include <algorithm>

namespace gradloom::data {

namespace {

constexpr const char* debianFolder = "/usr/share/datasets/fashion-mnist";

/// A name left out keeps its place, so that the names behind it still belong to their labels.
std::vector<std::string> splitNames(const std::string& text)
{
    std::vector<std::string> names = splitList(text);
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i].empty())
            names[i] = std::to_string(i);
    return names;
}

Result<std::filesystem::path> chooseFolder(const Params& params, const SourceContext& context)
{
    std::filesystem::path folder = context.dataFolder;
    if (folder.empty()) {
        folder = params.text("folder");
        if (folder.is_relative() && !context.projectFolder.empty())
            folder = context.projectFolder / folder;
    }
    std::error_code code;
    if (std::filesystem::is_directory(folder, code))
        return folder;
    if (std::filesystem::exists(folder, code))
        return notFound("The data set folder " + folder.string() +
                        " is a file; name the folder with the four IDX files.");
    if (folder == debianFolder)
        return notFound(std::string("The Fashion-MNIST data set is missing (there is no folder ") +
                        debianFolder +
                        "): install it with \"apt install dataset-fashion-mnist\", or open "
                        "projects/shapes_cnn.gradloom.json, "
                        "which uses the built-in picture set.");
    return notFound("The data set folder " + folder.string() +
                    " does not exist; correct the folder in the project or name another with --data-dir.");
}

/// Both spellings that are in use, plain before compressed.
Result<std::filesystem::path> findFile(
    const std::filesystem::path& folder, const std::string& start, int rank)
{
    const std::string end = "idx" + std::to_string(rank) + "-ubyte";
    for (const char* compressed : {"", ".gz"})
        for (const char* joint : {"-", "."}) {
            std::filesystem::path file = folder / (start + joint + end + compressed);
            std::error_code code;
            if (std::filesystem::exists(file, code))
                return file;
        }
    const std::string name = start + "-" + end;
    return notFound(
        "The data set folder " + folder.string() + " holds neither " + name + " nor " + name +
        ".gz; an IDX data set needs the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or with .gz.");
}

struct LoadedPart
{
    std::shared_ptr<Dataset> dataset;
    std::filesystem::path images;
    std::filesystem::path labels;
};

Result<LoadedPart> loadPart(const std::filesystem::path& folder, const std::string& prefix)
{
    auto images = findFile(folder, prefix + "-images", 3);
    if (!images)
        return images.error();
    auto labels = findFile(folder, prefix + "-labels", 1);
    if (!labels)
        return labels.error();
    // The small file first: a mistake in it is found without reading the large one.
    auto numbers = readIdx(*labels, IdxContent::Labels);
    if (!numbers)
        return numbers.error();
    auto pictures = readIdx(*images, IdxContent::Pictures);
    if (!pictures)
        return pictures.error();
    if (pictures->shape()[0] != numbers->shape()[0])
        return invalidFile(labels->string() + ": byte 4: there are " + std::to_string(numbers->shape()[0]) +
                           " labels but " + std::to_string(pictures->shape()[0]) + " pictures in " +
                           images->string() + "; the two files must belong together.");
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = std::move(*pictures);
    dataset->targets.push_back(std::move(*numbers));
    return LoadedPart{std::move(dataset), std::move(*images), std::move(*labels)};
}

Status checkLabels(const LoadedPart& part, int64_t classes)
{
    const auto labels = part.dataset->targets[0].as<int32_t>();
    const auto wrong =
        std::find_if(labels.begin(), labels.end(), [&](int32_t label) { return label >= classes; });
    if (wrong == labels.end())
        return {};
    const int64_t index = wrong - labels.begin();
    return invalidFile(part.labels.string() + ": byte " + std::to_string(8 + index) +
                       ": the label of sample " + std::to_string(index) + " is " + std::to_string(*wrong) +
                       " but the project names only " + std::to_string(classes) + " classes (0 to " +
                       std::to_string(classes - 1) + ").");
}

std::vector<std::string> numberedClasses(const LoadedPart& training, const LoadedPart& test)
{
    int32_t largest = 0;
    for (const LoadedPart* part : {&training, &test})
        for (int32_t label : part->dataset->targets[0].as<int32_t>())
            largest = std::max(largest, label);
    std::vector<std::string> names;
    for (int32_t label = 0; label <= largest; ++label)
        names.push_back(std::to_string(label));
    return names;
}

Result<LoadedData> loadIdx(const Params& params, const SourceContext& context)
{
    const auto folder = chooseFolder(params, context);
    if (!folder)
        return folder.error();
    auto training = loadPart(*folder, "train");
    if (!training)
        return training.error();
    auto test = loadPart(*folder, "t10k");
    if (!test)
        return test.error();
    if (training->dataset->sampleShape() != test->dataset->sampleShape())
        return invalidFile(test->images.string() + ": byte 8: the pictures are " +
                           test->dataset->sampleShape().toString() + " but those in " +
                           training->images.string() + " are " + training->dataset->sampleShape().toString() +
                           "; both parts must have one size.");

    LoadedData data;
    std::vector<std::string> names = splitNames(params.text("classes"));
    data.targets.push_back(
        classTarget("class", names.empty() ? numberedClasses(*training, *test) : std::move(names)));
    for (const LoadedPart* part : {&*training, &*test})
        if (Status status = checkLabels(*part, data.classCount()); !status)
            return status.error();
    data.name = params.text("name");
    if (data.name.empty())
        data.name = (folder->has_filename() ? *folder : folder->parent_path()).filename().string();
    data.description = "IDX files in " + folder->string();
    data.training = std::move(training->dataset);
    data.test = std::move(test->dataset);
    return data;
}

} // namespace

SourceType idx()
{
    SourceType type;
    type.id = "idx";
    type.title = "IDX files";
    type.help = "Pictures and labels in the four files of the MNIST format, plain or compressed by gzip.";
    type.parameters = {textParam("folder", "Folder", debianFolder,
                           "The folder that holds train-images-idx3-ubyte, train-labels-idx1-ubyte, "
                           "t10k-images-idx3-ubyte and "
                           "t10k-labels-idx1-ubyte. A relative folder counts from the project file.")
                           .withUnit("folder"),
        textParam("name", "Name", "", "What the data set is called. Left empty, the name of its folder."),
        textParam("classes", "Class names", "",
            "The names of the classes, separated by commas, label 0 first. Left empty, the labels are the "
            "names.")};
    type.load = loadIdx;
    return type;
}

} // namespace gradloom::data
