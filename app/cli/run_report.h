#pragma once

#include "app/cli/common.h"

namespace gradloom::cli {

/// What a report is made from.
struct ReportSources
{
    std::filesystem::path weights;
    std::filesystem::path runFolder; ///< run.json and history.csv; parts that are not there are left out
};

/// Judges the weights on the test data, explains some pictures and writes the page. Atomic.
Status writeReport(const CommonOptions& options, const project::Project& project, const train::RunData& data,
    const ReportSources& sources, const std::filesystem::path& output);

/// The report of a run, in its folder, with the best weights.
Status writeRunReport(const CommonOptions& options, const project::Project& project,
    const train::RunData& data, const std::filesystem::path& folder);

} // namespace gradloom::cli
