#include "engine/data/data_file.h"

#include "engine/base/philox.h"
#include "engine/data/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace gradloom::data {

namespace {

namespace fs = std::filesystem;

struct Package
{
    const char* place; ///< beginning of the paths that it brings
    const char* name;
};

/// Debian packages that hold data for the sample projects.
constexpr std::array<Package, 7> packages{{{"/usr/lib/python3/dist-packages/vega_datasets",
                                               "python3-vega-datasets"},
    {"/usr/share/dict/american-english", "wamerican"}, {"/usr/share/dict/french", "wfrench"},
    {"/usr/share/dict/ngerman", "wngerman"}, {"/usr/share/dict/spanish", "wspanish"},
    {"/usr/share/dict/italian", "witalian"}, {"/usr/share/datasets/fashion-mnist", "dataset-fashion-mnist"}}};

fs::path fromProject(const std::string& text, const SourceContext& context)
{
    fs::path path = text;
    return path.is_relative() && !context.projectFolder.empty() ? context.projectFolder / path : path;
}

} // namespace

Error missingData(const fs::path& path)
{
    for (const Package& package : packages)
        if (path.string().starts_with(package.place))
            return notFound(
                path.string() + " is missing: install it with \"apt install " + package.name + "\".");
    return notFound(
        path.string() + " does not exist; correct the path in the project or name a folder with --data-dir.");
}

Result<fs::path> findDataFile(const std::string& file, const SourceContext& context)
{
    if (trimmed(file).empty())
        return invalidArgument("The data source needs a file; name one.");
    fs::path path = fromProject(file, context);
    if (!context.dataFolder.empty())
        path = context.dataFolder / path.filename();
    std::error_code code;
    if (fs::is_directory(path, code))
        return invalidArgument(path.string() + " is a folder; name a file in it.");
    if (!fs::exists(path, code))
        return missingData(path);
    return path;
}

Result<fs::path> findDataFolder(const std::string& folder, const SourceContext& context)
{
    if (trimmed(folder).empty() && context.dataFolder.empty())
        return invalidArgument("The data source needs a folder; name one.");
    const fs::path path = context.dataFolder.empty() ? fromProject(folder, context) : context.dataFolder;
    std::error_code code;
    if (fs::is_directory(path, code))
        return path;
    if (fs::exists(path, code))
        return invalidArgument(path.string() + " is a file; name the folder that holds the data set.");
    return missingData(path);
}

Result<int64_t> testCount(int64_t count, double share, const std::string& name)
{
    if (count < 2)
        return invalidFile(name +
                           ": there must be at least two samples, one to train and one to test, but there " +
                           (count == 1 ? "is one." : "are none."));
    const auto test = static_cast<int64_t>(std::llround(share * static_cast<double>(count)));
    return std::clamp<int64_t>(test, 1, count - 1);
}

std::vector<int64_t> partOrder(int64_t count, uint64_t seed)
{
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    Random random(seed, 0x73706c6974); // a stream of its own
    for (size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[random.below(static_cast<uint32_t>(i))]);
    return order;
}

ParamSpec testShareParam()
{
    return realParam(
        "test_share", "Test share", 0.2, 0.001, 0.9, "Share of the samples that is kept for testing.");
}

ParamSpec splitSeedParam()
{
    return integerParam("seed", "Seed", 1, 0, 1e15, "Another seed keeps other samples for testing.");
}

ParamSpec fileParam(std::string value, std::string help)
{
    return textParam(
        "file", "File", std::move(value), std::move(help) + " A relative path counts from the project file.")
        .withUnit("file");
}

} // namespace gradloom::data
