#pragma once

#include "engine/backend/communicator.h"
#include "engine/train/batch_writer.h"
#include "engine/train/model.h"

namespace gradloom::train {

class DeviceGroup;

/// A program of training steps on the devices that do them: the model's alone, or several that share each batch.
class SharedProgram
{
public:
    /// On the model's device.
    LoadedProgram& first() const { return *m_programs.front(); }
    bool runsAhead() const;

    /// Each device gets its share of the batch; `weights` is what each sample counts in the loss.
    void writeBatch(const BatchWriter& writer, const data::Batch& batch, const Tensor& weights);
    /// Every device gets the same.
    void write(const std::string& name, std::span<const std::byte> bytes);
    void write(const std::string& name, float value) { write(name, std::as_bytes(std::span(&value, 1))); }
    void run();

private:
    friend class DeviceGroup;
    explicit SharedProgram(DeviceGroup& group) : m_group(group) {}

    DeviceGroup& m_group;
    std::vector<std::unique_ptr<LoadedProgram>> m_programs;  ///< by device
    std::vector<std::vector<backend::MemoryRange>> m_sums; ///< what the devices add up, by sum and device
};

/// The devices that do a model's steps. Those behind the first one have copies of the model; all run the same
/// programs on their shares of each batch and add up what these say (the primitive sum_over_devices), so that weights,
/// running statistics and the optimizer's state are the same on all of them after each step.
class DeviceGroup
{
public:
    /// Programs for a device by its number in the group.
    using MakePrograms = std::function<Result<std::vector<ir::Program>>(int64_t device)>;
    /// `memory` is the model's, with the optimizer's state; `first` are the programs of its device, `make` is asked for
    /// those of the others. Several devices, or one that does as if there were several, where `shared` is set.
    static Result<std::unique_ptr<DeviceGroup>> create(Model& model, const backend::ModelMemory& memory,
        std::vector<ir::Program> first, bool shared,
        const std::vector<std::shared_ptr<backend::Backend>>& otherDevices, const MakePrograms& make);

    SharedProgram& program(size_t index) const { return *m_programs[index]; }
    size_t programs() const { return m_programs.size(); }
    /// Somebody has written to the memory of the first device.
    void copyFirst();
    /// One line for people on how several devices add up; may be empty.
    std::string note() const { return m_communicator ? m_communicator->note() : std::string(); }

private:
    friend class SharedProgram;
    struct Device
    {
        std::unique_ptr<Model> model; ///< of those behind the first one
        backend::Backend* backend = nullptr;
        backend::ModelMemory memory;
    };

    DeviceGroup() = default;
    Status addCopy(Model& first, const std::shared_ptr<backend::Backend>& device);
    Status load(size_t device, std::vector<ir::Program> programs);
    void connect();
    /// What a device gets of a batch; overwritten by the next one.
    const data::Batch& shareOf(const data::Batch& batch, const Tensor& weights, size_t device);

    std::vector<Device> m_devices;
    std::vector<std::unique_ptr<SharedProgram>> m_programs;
    std::unique_ptr<backend::Communicator> m_communicator; ///< null where one device does the steps alone
    data::Batch m_share;
};

} // namespace gradloom::train
