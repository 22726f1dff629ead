#include "engine/data/cifar.h"
#include "engine/base/file.h"
#include "engine/data/data_file.h"
#include "engine/data/text.h"

/// CIFAR-10 and CIFAR-100 in their binary version.
/// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

namespace gradloom::data {

namespace {

constexpr int64_t maxCifarBytes = int64_t{1} << 30;

Result<std::vector<CifarPart>> readCifar(
    const std::filesystem::path& folder, const std::vector<std::string>& files, int labels)
{
    std::vector<CifarPart> parts;
    for (const std::string& name : files) {
        const auto path = folder / name;
        std::error_code code;
        if (!std::filesystem::exists(path, code))
            return notFound(
                "The folder " + folder.string() + " holds no file " + name +
                "; CIFAR's binary version has data_batch_1.bin to data_batch_5.bin and test_batch.bin "
                "(CIFAR-10), or train.bin and test.bin (CIFAR-100). Get it from "
                "https://www.cs.toronto.edu/~kriz/cifar.html.");
        const auto bytes = readFile(path, maxCifarBytes);
        if (!bytes)
            return bytes.error();
        auto part = parseCifar(*bytes, labels, path.string());
        if (!part)
            return part.error();
        parts.push_back(std::move(*part));
    }
    return parts;
}

/// Names from the text file beside the pictures, else numbers.
std::vector<std::string> cifarNames(const std::filesystem::path& file, int64_t classes)
{
    std::vector<std::string> names;
    constexpr int64_t most = 1 << 16;
    if (const auto text = readFile(file, most); text && brokenUtf8(*text) < 0)
        for (const std::string_view line : linesOf(*text))
            if (!trimmed(line).empty())
                names.emplace_back(trimmed(line));
    names.resize(static_cast<size_t>(classes));
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i].empty())
            names[i] = std::to_string(i);
    return names;
}

/// The parts one behind the other; the label of the classes first.
std::shared_ptr<const Dataset> joinCifar(const std::vector<CifarPart>& parts)
{
    auto dataset = std::make_shared<Dataset>();
    int64_t count = 0;
    for (const CifarPart& part : parts)
        count += part.pictures.shape()[0];
    dataset->samples = Tensor(parts.front().pictures.shape().withoutFirst().prepended(count), DType::U8);
    for (size_t label = 0; label < parts.front().labels.size(); ++label)
        dataset->targets.emplace_back(Shape{count}, DType::I32);
    int64_t at = 0;
    for (const CifarPart& part : parts) {
        const auto pixels = part.pictures.as<uint8_t>();
        std::copy(pixels.begin(), pixels.end(),
            dataset->samples.as<uint8_t>().begin() + at * dataset->sampleElements());
        for (size_t label = 0; label < part.labels.size(); ++label) {
            const auto values = part.labels[label].as<int32_t>();
            std::copy(values.begin(), values.end(), dataset->targets[label].as<int32_t>().begin() + at);
        }
        at += part.pictures.shape()[0];
    }
    return dataset;
}

Result<LoadedData> loadCifar(const Params& params, const SourceContext& context)
{
    const auto folder = findDataFolder(params.text("folder"), context);
    if (!folder)
        return folder.error();
    std::error_code code;
    const bool hundred = std::filesystem::exists(*folder / "train.bin", code);
    const std::vector<std::string> trainingFiles =
        hundred ? std::vector<std::string>{"train.bin"}
                : std::vector<std::string>{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                      "data_batch_4.bin", "data_batch_5.bin"};
    auto training = readCifar(*folder, trainingFiles, hundred ? 2 : 1);
    if (!training)
        return training.error();
    auto test = readCifar(*folder, {hundred ? "test.bin" : "test_batch.bin"}, hundred ? 2 : 1);
    if (!test)
        return test.error();
    LoadedData data;
    data.name = hundred ? "CIFAR-100" : "CIFAR-10";
    data.description = data.name + " in " + folder->string() + ".";
    if (hundred) {
        data.targets.push_back(classTarget("class", cifarNames(*folder / "fine_label_names.txt", 100)));
        data.targets.push_back(classTarget("group", cifarNames(*folder / "coarse_label_names.txt", 20)));
    } else {
        data.targets.push_back(classTarget("class", cifarNames(*folder / "batches.meta.txt", 10)));
    }
    data.training = joinCifar(*training);
    data.test = joinCifar(*test);
    return data;
}

} // namespace

SourceType cifar()
{
    SourceType type;
    type.id = "cifar";
    type.title = "CIFAR";
    type.help =
        "CIFAR-10 or CIFAR-100: small colour pictures in the files of the binary version. CIFAR-100 has the "
        "targets \"class\" and \"group\".";
    type.parameters = {textParam("folder", "Folder", "",
        "The folder that holds data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train.bin and "
        "test.bin. A "
        "relative folder counts from the project file.")
                           .withUnit("folder")};
    type.load = loadCifar;
    return type;
}

} // namespace gradloom::data
