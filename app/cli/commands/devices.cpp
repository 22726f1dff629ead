#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/backend/backend.h"

namespace gradloom::cli {

namespace {

Status run(const CommonOptions& options)
{
    Json json = Json::array();
    TextTable table({"device", "name", ""});
    for (const auto& device : backend::devices()) {
        json.push_back({{"id", device.id}, {"name", device.name}, {"usable", device.usable},
            {"problem", device.problem}});
        table.add({device.id, device.name, device.usable ? "" : device.problem});
    }
    return emit(options, "devices", json, table.toString());
}

} // namespace

Command devices()
{
    return {"devices", "List where networks can be computed", [](CLI::App& app) {
                auto options = std::make_shared<CommonOptions>();
                addOutputOptions(app, *options);
                return [options] { return run(*options); };
            }};
}

} // namespace gradloom::cli
