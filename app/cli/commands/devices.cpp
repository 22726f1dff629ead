#include "app/cli/command.h"
#include "app/cli/common.h"
#include "app/cli/text_table.h"
#include "engine/backend/communicator.h"
#include "engine/train/memory_need.h"

#include <algorithm>

namespace gradloom::cli {

namespace {

std::string memoryOrNothing(int64_t bytes)
{
    return bytes > 0 ? train::memoryText(bytes) : std::string();
}

/// "580.65.06 (CUDA 13.0)", or what of it is known.
std::string driverText(const backend::DeviceInfo& device)
{
    const std::string cuda = device.cuda.empty() ? "" : "CUDA " + device.cuda;
    if (device.driver.empty() || cuda.empty())
        return device.driver + cuda;
    return device.driver + " (" + cuda + ")";
}

std::string ncclText(const backend::NcclReport& nccl)
{
    if (nccl.version.empty())
        return nccl.problem + " " + backend::sumsOnHost;
    return "NCCL " + nccl.version + ": several GPUs add up their results among themselves.";
}

Status runDevices(const CommonOptions& options)
{
    Json json = Json::array();
    TextTable table({"device", "name", ">memory", ">free", "driver", "cuDNN", ""});
    const auto all = backend::devices();
    const bool gpu = std::any_of(
        all.begin() + 1, all.end(), [](const backend::DeviceInfo& device) { return device.usable; });
    const backend::NcclReport nccl = gpu ? backend::ncclReport() : backend::NcclReport();
    for (const auto& device : all) {
        json.push_back(
            {{"id", device.id}, {"name", device.name}, {"usable", device.usable}, {"problem", device.problem},
                {"memory", device.memoryBytes}, {"free", device.freeBytes}, {"driver", device.driver},
                {"cuda", device.cuda}, {"cudnn", device.cudnn},
                {"nccl", device.id == "cpu" ? "" : nccl.version}});
        table.add({device.id, device.name, memoryOrNothing(device.memoryBytes),
            memoryOrNothing(device.freeBytes), driverText(device), device.cudnn,
            device.usable ? "usable" : device.problem});
    }
    return emit(options, "devices", json, table.toString() + (gpu ? "\n" + ncclText(nccl) + "\n" : ""));
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
