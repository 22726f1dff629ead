#include "engine/train/checkpoint.h"

#include "engine/project/safetensors.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace gradloom::train {

namespace {

using nlohmann::json;

constexpr const char* positionKey = "gradloom.position";
constexpr const char* weightPrefix = "weight/";
constexpr const char* slotPrefix = "slot/";

template <typename T>
T numberOr(const json& object, const char* key, T missing)
{
    const auto& value = object.at(key);
    return value.is_null() ? missing : value.get<T>();
}

json toJson(const EpochMetrics& epoch)
{
    return json{{"epoch", epoch.epoch}, {"train_loss", epoch.trainLoss},
        {"train_accuracy", epoch.trainAccuracy}, {"validation_loss", epoch.validationLoss},
        {"validation_accuracy", epoch.validationAccuracy}, {"samples_per_second", epoch.samplesPerSecond},
        {"seconds", epoch.seconds}, {"best", epoch.best}, {"metrics", epoch.metrics}};
}

EpochMetrics epochFrom(const json& object)
{
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    EpochMetrics epoch;
    epoch.epoch = object.at("epoch").get<int32_t>();
    epoch.trainLoss = numberOr(object, "train_loss", nan);
    epoch.trainAccuracy = numberOr(object, "train_accuracy", nan);
    epoch.validationLoss = numberOr(object, "validation_loss", nan);
    epoch.validationAccuracy = numberOr(object, "validation_accuracy", nan);
    epoch.samplesPerSecond = numberOr(object, "samples_per_second", 0.0);
    epoch.seconds = numberOr(object, "seconds", 0.0);
    epoch.best = object.at("best").get<bool>();
    if (object.contains("metrics"))
        epoch.metrics = object.at("metrics").get<std::map<std::string, double>>();
    return epoch;
}

json toJson(const TransferReport& report)
{
    return json{
        {"file", report.file}, {"taken", report.taken}, {"fresh", report.fresh}, {"unused", report.unused}};
}

TransferReport transferFrom(const json& object)
{
    using Names = std::vector<std::string>;
    return {object.at("file").get<std::string>(), object.at("taken").get<Names>(),
        object.at("fresh").get<Names>(), object.at("unused").get<Names>()};
}

json toJson(const RunPosition& position, const RunIdentity& identity)
{
    json epochs = json::array();
    for (const auto& epoch : position.epochs)
        epochs.push_back(toJson(epoch));
    json object{{"step", position.step}, {"base_learning_rate", position.baseLearningRate},
        {"loss_sum", position.lossSum}, {"accuracy_sum", position.accuracySum},
        {"epoch_samples", position.epochSamples}, {"epoch_seconds", position.epochSeconds},
        {"seconds", position.seconds}, {"best_value", position.bestValue}, {"has_best", position.hasBest},
        {"epochs", epochs}, {"seed", identity.seed}, {"batch", identity.batch},
        {"training_samples", identity.trainingSamples}, {"optimizer", identity.optimizer}};
    if (position.transfer)
        object["transfer"] = toJson(*position.transfer);
    return object;
}

void fromJson(const json& object, Checkpoint& checkpoint)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    RunPosition& position = checkpoint.position;
    position.step = object.at("step").get<int64_t>();
    position.baseLearningRate = object.at("base_learning_rate").get<double>();
    position.lossSum = object.at("loss_sum").get<double>();
    position.accuracySum = numberOr(object, "accuracy_sum", nan);
    position.epochSamples = object.at("epoch_samples").get<int64_t>();
    position.epochSeconds = object.at("epoch_seconds").get<double>();
    position.seconds = object.at("seconds").get<double>();
    position.bestValue = object.at("best_value").get<double>();
    position.hasBest = object.at("has_best").get<bool>();
    for (const auto& epoch : object.at("epochs"))
        position.epochs.push_back(epochFrom(epoch));
    if (object.contains("transfer"))
        position.transfer = transferFrom(object.at("transfer"));
    checkpoint.identity = {object.at("seed").get<uint64_t>(), object.at("batch").get<int64_t>(),
        object.at("training_samples").get<int64_t>(), object.at("optimizer").get<std::string>()};
    if (position.step < 0 || position.epochSamples < 0 || !std::isfinite(position.baseLearningRate))
        throw std::out_of_range("a number is out of range");
}

/// Slots of the program, by name.
std::vector<const ir::Value*> slotValues(const ir::Program& program)
{
    std::vector<const ir::Value*> result;
    for (const ir::Value& value : program.values)
        if (value.segment == ir::Segment::Slots)
            result.push_back(&value);
    return result;
}

} // namespace

std::string epochWeightsFile(int64_t epoch)
{
    const std::string number = std::to_string(epoch);
    return "epoch-" + std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number + ".safetensors";
}

Status saveCheckpoint(const Checkpoint& checkpoint, const std::filesystem::path& path)
{
    project::TensorFile file;
    file.metadata[positionKey] = toJson(checkpoint.position, checkpoint.identity).dump();
    for (const auto& [name, tensor] : checkpoint.weights)
        file.tensors.emplace(weightPrefix + name, tensor);
    for (const auto& [name, tensor] : checkpoint.slots)
        file.tensors.emplace(slotPrefix + name, tensor);
    return project::saveSafetensors(file, path);
}

Result<Checkpoint> loadCheckpoint(const std::filesystem::path& path)
{
    auto file = project::loadSafetensors(path);
    if (!file)
        return file.error();
    const auto text = file->metadata.find(positionKey);
    if (text == file->metadata.end())
        return invalidFile(
            path.string() + " is not the state of a run: it does not say at which step it was written.");
    Checkpoint checkpoint;
    try {
        fromJson(json::parse(text->second), checkpoint);
    } catch (const std::exception& exception) {
        return invalidFile(
            path.string() + " does not say properly where its run stood: " + exception.what() + ".");
    }
    for (auto& [name, tensor] : file->tensors) {
        const auto slash = name.find('/');
        const std::string rest = slash == std::string::npos ? "" : name.substr(slash + 1);
        if (name.starts_with(weightPrefix))
            checkpoint.weights.emplace(rest, std::move(tensor));
        else if (name.starts_with(slotPrefix))
            checkpoint.slots.emplace(rest, std::move(tensor));
    }
    return checkpoint;
}

Weights downloadSlots(const ir::Program& program, const backend::Memory& memory)
{
    Weights slots;
    for (const ir::Value* value : slotValues(program)) {
        Tensor tensor(value->type.shape);
        memory.download({tensor.data(), static_cast<size_t>(tensor.bytes())}, value->offset * 4);
        slots.emplace(value->name, std::move(tensor));
    }
    return slots;
}

Status uploadSlots(const ir::Program& program, const Weights& slots, backend::Memory& memory)
{
    const auto values = slotValues(program);
    for (const ir::Value* value : values) {
        const auto it = slots.find(value->name);
        if (it == slots.end() || it->second.type() != value->type)
            return invalidArgument(
                "The optimizer's state \"" + value->name + "\" is missing or of another size.");
    }
    for (const ir::Value* value : values) {
        const Tensor& tensor = slots.at(value->name);
        memory.upload({tensor.data(), static_cast<size_t>(tensor.bytes())}, value->offset * 4);
    }
    return {};
}

std::string epochJson(const EpochMetrics& epoch)
{
    return toJson(epoch).dump();
}

std::string transferJson(const TransferReport& report)
{
    return toJson(report).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace gradloom::train
