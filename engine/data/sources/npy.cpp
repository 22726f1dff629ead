#include "engine/data/npy.h"

#include "engine/data/data_file.h"
#include "engine/data/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace gradloom::data {

namespace {

constexpr int32_t mostNumberedClasses = 100000;

/// The four arrays of a set; those of the test part may be missing.
struct ArraySet
{
    Tensor samples;
    Tensor labels;
    Tensor testSamples;
    Tensor testLabels;
};

Result<Tensor> takeArray(std::map<std::string, Tensor>& arrays, const std::string& wanted,
    std::initializer_list<const char*> usual, const std::string& file)
{
    if (!wanted.empty()) {
        const auto it = arrays.find(wanted);
        if (it != arrays.end())
            return std::move(it->second);
        std::string names;
        for (const auto& [name, array] : arrays)
            names += (names.empty() ? "" : ", ") + name;
        return invalidArgument(file + " holds no array \"" + wanted + "\", only " + names + ".");
    }
    for (const char* name : usual)
        if (const auto it = arrays.find(name); it != arrays.end())
            return std::move(it->second);
    return Tensor();
}

Result<ArraySet> readSet(const Params& params, const SourceContext& context)
{
    const auto file = findDataFile(params.text("file"), context);
    if (!file)
        return file.error();
    auto arrays = readArrays(*file);
    if (!arrays)
        return arrays.error();
    std::vector<std::string> names = splitList(params.text("arrays"));
    names.resize(4);
    ArraySet set;
    const std::string path = file->string();
    const auto take = [&](Tensor& into, size_t which, std::initializer_list<const char*> usual) -> Status {
        auto array = takeArray(*arrays, names[which], usual, path);
        if (!array)
            return array.error();
        into = std::move(*array);
        return {};
    };
    if (Status status = take(set.samples, 0, {"", "x_train", "x", "X", "samples", "arr_0"}); !status)
        return status.error();
    if (Status status = take(set.labels, 1, {"y_train", "y", "labels", "arr_1"}); !status)
        return status.error();
    if (Status status = take(set.testSamples, 2, {"x_test"}); !status)
        return status.error();
    if (Status status = take(set.testLabels, 3, {"y_test"}); !status)
        return status.error();
    if (set.samples.empty())
        return invalidArgument(path + " holds no array x_train, x or samples; name the arrays.");
    if (const std::string& labels = params.text("labels_file"); !labels.empty()) {
        const auto labelsFile = findDataFile(labels, context);
        if (!labelsFile)
            return labelsFile.error();
        auto other = readArrays(*labelsFile);
        if (!other)
            return other.error();
        set.labels = std::move(other->begin()->second);
    }
    return set;
}

/// Samples in a shape that layers take: a number each becomes {1}, grey pictures get their channel.
Tensor shapedSamples(Tensor array, bool tokens)
{
    std::vector<int64_t> extents = array.shape().toVector();
    const bool grey = array.dtype() == DType::U8 && extents.size() == 3;
    if (extents.size() == 1 || grey)
        extents.push_back(1);
    const bool number = array.dtype() == DType::I32 && !tokens;
    Tensor samples(Shape(extents), number ? DType::F32 : array.dtype());
    if (!number)
        std::memcpy(samples.data(), array.data(), static_cast<size_t>(array.bytes()));
    else
        std::transform(array.as<int32_t>().begin(), array.as<int32_t>().end(), samples.floats().begin(),
            [](int32_t value) { return static_cast<float>(value); });
    return samples;
}

bool labelsAreClasses(const Tensor& labels)
{
    const Shape& shape = labels.shape();
    return labels.dtype() != DType::F32 && (shape.rank() == 1 || (shape.rank() == 2 && shape[1] == 1));
}

/// Classes as I32 {N}, numbers as F32 {N, ...}.
Tensor shapedLabels(const Tensor& array)
{
    const bool classes = labelsAreClasses(array);
    std::vector<int64_t> extents = array.shape().toVector();
    if (classes)
        extents.resize(1);
    else if (extents.size() == 1)
        extents.push_back(1);
    Tensor labels(Shape(extents), classes ? DType::I32 : DType::F32);
    for (size_t i = 0; i < static_cast<size_t>(labels.elements()); ++i) {
        const double value = array.dtype() == DType::F32   ? static_cast<double>(array.floats()[i])
                             : array.dtype() == DType::I32 ? array.as<int32_t>()[i]
                                                           : array.as<uint8_t>()[i];
        if (classes)
            labels.as<int32_t>()[i] = static_cast<int32_t>(value);
        else
            labels.floats()[i] = static_cast<float>(value);
    }
    return labels;
}

/// Some rows of an array.
Tensor rowsOf(const Tensor& array, std::span<const int64_t> rows)
{
    Tensor result(array.shape().withoutFirst().prepended(static_cast<int64_t>(rows.size())), array.dtype());
    const auto bytes = static_cast<size_t>(array.bytes() / array.shape()[0]);
    for (size_t i = 0; i < rows.size(); ++i)
        std::memcpy(result.data() + i * bytes, array.data() + static_cast<size_t>(rows[i]) * bytes, bytes);
    return result;
}

Status checkLengths(const Tensor& samples, const Tensor& labels, const std::string& file)
{
    if (labels.empty() || samples.shape()[0] == labels.shape()[0])
        return {};
    return invalidFile(file + ": there are " + std::to_string(samples.shape()[0]) + " samples but " +
                       std::to_string(labels.shape()[0]) + " labels; they must belong together.");
}

/// Without a test part of its own, some of the samples are kept for it.
Status divideSet(ArraySet& set, const Params& params)
{
    if (!set.testSamples.empty())
        return {};
    const int64_t count = set.samples.shape()[0];
    const auto test = testCount(count, params.real("test_share"), params.text("file"));
    if (!test)
        return test.error();
    const auto order = partOrder(count, static_cast<uint64_t>(params.integer("seed")));
    const std::span<const int64_t> all(order);
    const auto testRows = all.first(static_cast<size_t>(*test));
    const auto trainingRows = all.subspan(static_cast<size_t>(*test));
    set.testSamples = rowsOf(set.samples, testRows);
    set.samples = rowsOf(set.samples, trainingRows);
    if (set.labels.empty())
        return {};
    set.testLabels = rowsOf(set.labels, testRows);
    set.labels = rowsOf(set.labels, trainingRows);
    return {};
}

Result<Target> targetOfLabels(const ArraySet& set, const std::string& classes, const std::string& file)
{
    if (!labelsAreClasses(set.labels))
        return numberTarget("value", shapedLabels(set.labels).shape().withoutFirst());
    int32_t largest = 1;
    for (const Tensor* part : {&set.labels, &set.testLabels}) {
        const Tensor labels = shapedLabels(*part);
        for (const int32_t label : std::as_const(labels).as<int32_t>()) {
            if (label < 0 || label >= mostNumberedClasses)
                return invalidFile(file + ": the label " + std::to_string(label) + " is outside 0 to " +
                                   std::to_string(mostNumberedClasses - 1) +
                                   "; save numbers that are to be learned as numbers as float32.");
            largest = std::max(largest, label);
        }
    }
    std::vector<std::string> names = splitList(classes);
    for (size_t i = names.size(); i <= static_cast<size_t>(largest); ++i)
        names.push_back(std::to_string(i));
    return classTarget("class", std::move(names));
}

std::vector<std::string> numberedTokens(const LoadedData& data)
{
    int32_t largest = 0;
    for (const Dataset* part : {data.training.get(), data.test.get()})
        for (const int32_t token : part->samples.as<int32_t>())
            largest = std::max(largest, token);
    std::vector<std::string> names;
    for (int32_t token = 0; token <= std::min(largest, mostNumberedClasses * 10); ++token)
        names.push_back(std::to_string(token));
    return names;
}

std::shared_ptr<const Dataset> arrayDataset(Tensor samples, const Tensor& labels, bool tokens)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = shapedSamples(std::move(samples), tokens);
    if (!labels.empty())
        dataset->targets.push_back(shapedLabels(labels));
    return dataset;
}

Result<LoadedData> loadNpy(const Params& params, const SourceContext& context)
{
    auto set = readSet(params, context);
    if (!set)
        return set.error();
    const std::string& file = params.text("file");
    if (set->labels.empty() != set->testLabels.empty() && !set->testSamples.empty())
        return invalidFile(file + ": only one of both parts has labels; give labels to both or to none.");
    if (Status status = checkLengths(set->samples, set->labels, file); !status)
        return status.error();
    if (Status status = divideSet(*set, params); !status)
        return status.error();
    if (Status status = checkLengths(set->testSamples, set->testLabels, file); !status)
        return status.error();
    const bool tokens = params.flag("tokens") && set->samples.dtype() == DType::I32;
    LoadedData data;
    data.name = std::filesystem::path(file).stem().string();
    data.description = "Arrays in " + file + ".";
    data.valueMaximum = set->samples.dtype() == DType::U8 ? 255 : 1;
    if (!set->labels.empty()) {
        auto target = targetOfLabels(*set, params.text("classes"), file);
        if (!target)
            return target.error();
        data.targets.push_back(std::move(*target));
    }
    data.training = arrayDataset(std::move(set->samples), set->labels, tokens);
    data.test = arrayDataset(std::move(set->testSamples), set->testLabels, tokens);
    if (tokens)
        data.vocabulary = numberedTokens(data);
    return data;
}

} // namespace

SourceType npy()
{
    SourceType type;
    type.id = "npy";
    type.title = "NumPy arrays";
    type.help =
        "Samples and labels in NumPy's files: an NPZ archive, or two NPY files. Whole numbers as labels are "
        "classes, others are numbers to learn; without labels there is only the Input to copy.";
    type.parameters = {
        fileParam("", "An NPZ archive, or the NPY file of the samples (first dimension: the samples)."),
        textParam(
            "labels_file", "File of labels", "", "The NPY file of the labels, where they have their own.")
            .withUnit("file"),
        textParam("arrays", "Arrays", "",
            "Names of the arrays in an NPZ archive: samples, labels, test samples, test labels. Left empty, "
            "x_train, "
            "y_train, x_test and y_test, or x and y."),
        textParam(
            "classes", "Class names", "", "The names of the classes, separated by commas, label 0 first."),
        switchParam("tokens", "Whole numbers are tokens", false,
            "Samples of whole numbers are tokens for an Embedding; else they are numbers."),
        testShareParam(), splitSeedParam()};
    type.load = loadNpy;
    return type;
}

} // namespace gradloom::data
