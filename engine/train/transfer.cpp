#include "engine/train/transfer.h"

#include "engine/project/safetensors.h"

namespace gradloom::train {

namespace {

std::string listed(const std::vector<std::string>& names)
{
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

} // namespace

std::string TransferReport::toString() const
{
    std::string text = "Took " + std::to_string(taken.size()) + " of " +
                       std::to_string(taken.size() + fresh.size()) + " weights from " + file + ".";
    if (!fresh.empty())
        text += " New: " + listed(fresh) + ".";
    if (!unused.empty())
        text += " Not used: " + listed(unused) + ".";
    return text;
}

Result<TransferReport> transferWeights(Model& model, const std::filesystem::path& path)
{
    auto file = project::loadSafetensors(path);
    if (!file)
        return file.error();
    TransferReport report;
    report.file = path.string();
    Weights weights = model.weights();
    for (auto& [name, own] : weights) {
        const auto it = file->tensors.find(name);
        if (it == file->tensors.end()) {
            report.fresh.push_back(name);
        } else if (it->second.type() != own.type()) {
            report.fresh.push_back(name + " (" + it->second.shape().toString() + " in the file, " +
                                   own.shape().toString() + " here)");
        } else {
            own = it->second;
            report.taken.push_back(name);
        }
    }
    for (const auto& [name, tensor] : file->tensors)
        if (!weights.contains(name))
            report.unused.push_back(name);
    if (report.taken.empty())
        return invalidArgument(
            "No weight in " + path.string() +
            " has the name and shape of one of the drawing's, so there is nothing to start from.");
    if (Status status = model.setWeights(weights); !status)
        return status.error();
    return report;
}

} // namespace gradloom::train
