#include "engine/data/data_file.h"
#include "engine/data/image.h"

#include <algorithm>
#include <cstring>

namespace gradloom::data {

namespace {

constexpr size_t maxFolderPictures = 10'000'000;

struct ClassPicture
{
    std::filesystem::path path;
    int32_t label;
};

std::vector<std::filesystem::path> sortedEntries(const std::filesystem::path& folder, bool folders)
{
    std::vector<std::filesystem::path> entries;
    std::error_code code;
    for (std::filesystem::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
        const bool hidden = it->path().filename().string().starts_with('.');
        std::error_code ignored;
        if (!hidden && it->is_directory(ignored) == folders)
            entries.push_back(it->path());
    }
    std::sort(entries.begin(), entries.end());
    return entries;
}

bool isPicture(const std::filesystem::path& path)
{
    std::string ending = path.extension().string();
    std::transform(
        ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
    return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

/// All pictures below a folder whose folders are the classes; `classes` grows by the names found.
Result<std::vector<ClassPicture>> listPictures(
    const std::filesystem::path& folder, std::vector<std::string>& classes)
{
    std::vector<ClassPicture> pictures;
    for (const auto& classFolder : sortedEntries(folder, true)) {
        const std::string name = classFolder.filename().string();
        auto known = std::find(classes.begin(), classes.end(), name);
        const auto label = static_cast<int32_t>(known - classes.begin());
        size_t found = 0;
        for (const auto& file : sortedEntries(classFolder, false))
            if (isPicture(file)) {
                pictures.push_back({file, label});
                ++found;
            }
        if (found == 0)
            continue;
        if (known == classes.end())
            classes.push_back(name);
        if (pictures.size() > maxFolderPictures)
            return invalidFile("The folder " + folder.string() + " holds more than ten million pictures.");
    }
    return pictures;
}

Result<std::shared_ptr<const Dataset>> readPictures(
    std::span<const ClassPicture> pictures, const Shape& shape)
{
    auto dataset = std::make_shared<Dataset>();
    const auto count = static_cast<int64_t>(pictures.size());
    dataset->samples = Tensor(shape.prepended(count), DType::U8);
    Tensor labels(Shape{count}, DType::I32);
    const auto bytes = static_cast<size_t>(shape.elements());
    for (size_t i = 0; i < pictures.size(); ++i) {
        auto picture = readImage(pictures[i].path.string(), shape);
        if (!picture)
            return picture.error();
        std::memcpy(dataset->samples.data() + i * bytes, picture->data(), bytes);
        labels.as<int32_t>()[i] = pictures[i].label;
    }
    dataset->targets.push_back(std::move(labels));
    return std::shared_ptr<const Dataset>(std::move(dataset));
}

/// Pictures of both parts: from the folders "train" and "test" where both are there, else divided by chance.
struct PictureParts
{
    std::vector<ClassPicture> training;
    std::vector<ClassPicture> test;
    std::vector<std::string> classes;
};

Result<PictureParts> findPictures(const std::filesystem::path& folder, const Params& params)
{
    PictureParts parts;
    std::error_code code;
    if (std::filesystem::is_directory(folder / "train", code) &&
        std::filesystem::is_directory(folder / "test", code)) {
        auto training = listPictures(folder / "train", parts.classes);
        if (!training)
            return training.error();
        auto test = listPictures(folder / "test", parts.classes);
        if (!test)
            return test.error();
        parts.training = std::move(*training);
        parts.test = std::move(*test);
    } else {
        auto all = listPictures(folder, parts.classes);
        if (!all)
            return all.error();
        const auto test =
            testCount(static_cast<int64_t>(all->size()), params.real("test_share"), folder.string());
        if (!test)
            return test.error();
        const auto order =
            partOrder(static_cast<int64_t>(all->size()), static_cast<uint64_t>(params.integer("seed")));
        for (size_t i = 0; i < order.size(); ++i)
            (static_cast<int64_t>(i) < *test ? parts.test : parts.training)
                .push_back((*all)[static_cast<size_t>(order[i])]);
    }
    if (parts.classes.size() < 2 || parts.training.empty() || parts.test.empty())
        return invalidFile(
            "The folder " + folder.string() +
            " holds no pictures of at least two classes; put PNG or JPEG files into one folder for each "
            "class (or into train/CLASS and test/CLASS).");
    return parts;
}

Result<LoadedData> loadImageFolder(const Params& params, const SourceContext& context)
{
    const auto folder = findDataFolder(params.text("folder"), context);
    if (!folder)
        return folder.error();
    auto parts = findPictures(*folder, params);
    if (!parts)
        return parts.error();
    const Shape shape{
        params.integer("height"), params.integer("width"), params.text("colour") == "grey" ? 1 : 3};
    auto training = readPictures(parts->training, shape);
    if (!training)
        return training.error();
    auto test = readPictures(parts->test, shape);
    if (!test)
        return test.error();
    LoadedData data;
    data.name = (folder->has_filename() ? *folder : folder->parent_path()).filename().string();
    data.description = "Pictures in " + folder->string() + ", resized to " + shape.toString() + ".";
    data.targets.push_back(classTarget("class", std::move(parts->classes)));
    data.training = std::move(*training);
    data.test = std::move(*test);
    return data;
}

} // namespace

SourceType image_folder()
{
    SourceType type;
    type.id = "image_folder";
    type.title = "Folder of pictures";
    type.help = "PNG and JPEG pictures in one folder for each class, or in train/CLASS and test/CLASS; all "
                "are brought "
                "to one size.";
    type.parameters = {
        textParam("folder", "Folder", "",
            "The folder that holds a folder of pictures for each class. A relative folder counts from "
            "the project file.")
            .withUnit("folder"),
        integerParam("height", "Height", 64, 1, 4096, "Height that pictures are brought to.").withUnit("px"),
        integerParam("width", "Width", 64, 1, 4096, "Width that pictures are brought to.").withUnit("px"),
        choiceParam("colour", "Colour", "colour", {{"colour", "colour"}, {"grey", "grey"}},
            "Colour pictures have three numbers a pixel, grey ones one."),
        testShareParam(), splitSeedParam()};
    type.load = loadImageFolder;
    return type;
}

} // namespace gradloom::data
