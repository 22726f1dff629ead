#include "engine/data/source_type.h"

#include <new>

namespace gradloom::data {

std::vector<SourceType> allSourceTypes();

namespace {

constexpr const char* folderSource = "idx";

Error unknownSource(const std::string& id)
{
    std::string known;
    for (const auto& type : sourceTypes().all())
        known += (known.empty() ? "" : ", ") + type.id;
    return notFound("There is no data source \"" + id + "\"; known are: " + known + ".");
}

/// Whether a source takes its files from SourceContext::dataFolder by itself.
bool readsFiles(const SourceType& type)
{
    for (const auto& parameter : type.parameters)
        if (parameter.key == "folder" || parameter.key == "file")
            return true;
    return false;
}

Result<LoadedData> loadChecked(const SourceType& type, const Params& given, const SourceContext& context)
{
    const std::string where = "data source " + type.id;
    auto params = completeParams(type.parameters, given, where);
    if (!params)
        return params.error();
    auto data = type.load(*params, context);
    if (!data)
        return data;
    if (Status status = checkLoadedData(*data, where); !status)
        return status.error();
    return data;
}

} // namespace

const Registry<SourceType>& sourceTypes()
{
    static const Registry<SourceType> registry(allSourceTypes());
    return registry;
}

Result<LoadedData> loadData(const std::string& sourceId, const Params& given, const SourceContext& context)
{
    const SourceType* type = sourceTypes().find(sourceId);
    if (!type)
        return unknownSource(sourceId);
    try {
        if (!context.dataFolder.empty() && !readsFiles(*type))
            return loadChecked(*sourceTypes().find(folderSource), {}, context);
        return loadChecked(*type, given, context);
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory,
            "The data of the source \"" + sourceId +
                "\" does not fit into memory; use fewer or smaller samples.",
            {}};
    } catch (const std::exception& exception) {
        return Error{ErrorCode::Internal,
            "The data source \"" + sourceId + "\" failed: " + exception.what() + ".", {}};
    }
}

} // namespace gradloom::data
