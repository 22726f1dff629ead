#include "app/cli/command.h"
#include "app/cli/run_report.h"

namespace gradloom::cli {

namespace {

struct ReportOptions : TrainedOptions
{
    std::string output = "report.html";
    std::string run;
};

Status runReport(ReportOptions options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    auto data = loadData(options, *project);
    if (!data)
        return data.error();
    ReportSources sources;
    sources.weights = options.weights;
    sources.runFolder = options.run.empty() ? std::filesystem::path(options.weights).parent_path()
                                            : std::filesystem::path(options.run);
    if (Status status = writeReport(options, *project, **data, sources, options.output); !status)
        return status;
    options.out.clear();
    return emit(options, "report", Json{{"report", options.output}}, options.output + "\n");
}

} // namespace

Command report()
{
    return {"report", "Write a page with curves, confusion matrix and Grad-CAM pictures", [](CLI::App& app) {
                auto options = std::make_shared<ReportOptions>();
                addTrainedOptions(app, *options);
                app.add_option("-o,--output", options->output, "Page to write")
                    ->type_name("FILE")
                    ->capture_default_str();
                app.add_option("--run", options->run,
                       "Folder of the run, for the curves; the weights' folder if not given")
                    ->type_name("DIR");
                return [options] { return runReport(*options); };
            }};
}

} // namespace gradloom::cli
