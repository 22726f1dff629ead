#pragma once

#include "engine/base/param.h"
#include "engine/base/registry.h"
#include "engine/data/dataset.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace gradloom::data {

/// Where a source may look.
struct SourceContext
{
    /// Replaces the folder that a project names (the option --data-dir); empty: the project's own.
    std::filesystem::path dataFolder;
    /// Relative folders in a project count from here (the folder of the project file); empty: the current
    /// one.
    std::filesystem::path projectFolder;
};

/// A kind of data source. Adding one is adding one file in engine/data/sources whose name is the name of the
/// function that returns this value.
struct SourceType
{
    std::string id;    ///< as in project files, for example "idx"
    std::string title; ///< "IDX files"
    std::string help;  ///< one sentence
    std::vector<ParamSpec> parameters;
    /// Reads or generates the data. The Params are complete and checked. Runs on any thread, takes as long as
    /// it takes, and returns an Error for everything that a file or a user can do wrong.
    std::function<Result<LoadedData>(const Params&, const SourceContext&)> load;
};

const Registry<SourceType>& sourceTypes();

/// Finds the source, completes its options, loads and checks what it delivers. A data folder in the context
/// is an explicit wish: a source that reads no folder (generated pictures) is then replaced by the IDX set
/// there. Never throws; memory that does not suffice is an Error too.
Result<LoadedData> loadData(const std::string& sourceId, const Params& given, const SourceContext& context);

} // namespace gradloom::data
