#include "engine/graph/analysis.h"
#include "engine/project/project.h"

#include <cstdint>
#include <cstdlib>
#include <string>

/// Whatever the bytes are, reading them ends with a project or a message; what was read can be analysed, and
/// is written so that it reads back the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace gradloom;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto project = project::parseProject(text, "fuzz");
    if (!project) {
        if (project.error().message.empty())
            std::abort();
        return 0;
    }
    (void)graph::analyse(project->graph);
    const auto again = project::parseProject(project::formatProject(*project), "again");
    if (!again || !(*again == *project))
        std::abort();
    return 0;
}
