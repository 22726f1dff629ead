#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/train/memory_need.h"

namespace gradloom::cli {

namespace {

std::string memoryOrNothing(int64_t bytes)
{
    return bytes > 0 ? train::memoryText(bytes) : std::string();
}

Status runDevices(const CommonOptions& options)
{
    Json json = Json::array();
    TextTable table({"device", "name", ">memory", ">free", "driver", "cuDNN", ""});
    for (const auto& device : backend::devices()) {
        json.push_back({{"id", device.id}, {"name", device.name}, {"usable", device.usable},
            {"problem", device.problem}, {"memory", device.memoryBytes}, {"free", device.freeBytes},
            {"driver", device.driver}, {"cudnn", device.cudnn}});
        table.add({device.id, device.name, memoryOrNothing(device.memoryBytes),
            memoryOrNothing(device.freeBytes), device.driver.empty() ? "" : "CUDA " + device.driver,
            device.cudnn, device.usable ? "usable" : device.problem});
    }
    return emit(options, "devices", json, table.toString());
}

} // namespace

Command devices()
{
    return {"devices", "List where networks can be computed", [](CLI::App& app) {
                auto options = std::make_shared<CommonOptions>();
                addOutputOptions(app, *options);
                return [options] { return runDevices(*options); };
            }};
}

} // namespace gradloom::cli
