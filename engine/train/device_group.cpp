#include "engine/train/device_group.h"

#include <algorithm>
#include <cstring>

namespace gradloom::train {

namespace {

/// Rows `first` to `first + into's rows` of a tensor.
void copyRows(const Tensor& from, int64_t first, Tensor& into)
{
    const int64_t row = into.bytes() / into.shape()[0];
    std::memcpy(into.data(), from.data() + first * row, static_cast<size_t>(into.bytes()));
}

Tensor shareOf(const Tensor& batch, int64_t size)
{
    return Tensor(batch.shape().withoutFirst().prepended(size), batch.dtype());
}

void copyMemory(const std::shared_ptr<backend::Memory>& from, const std::shared_ptr<backend::Memory>& to)
{
    if (!from || from->bytes() == 0)
        return;
    Buffer buffer(from->bytes());
    const std::span<std::byte> bytes(buffer.data(), static_cast<size_t>(buffer.bytes()));
    from->download(bytes, 0);
    to->upload(bytes, 0);
}

} // namespace

bool SharedProgram::runsAhead() const
{
    const auto& communicator = m_group.m_communicator;
    return (!communicator || communicator->runsAhead()) &&
           std::all_of(m_programs.begin(), m_programs.end(),
               [](const auto& program) { return program->executable().runsAhead(); });
}

void SharedProgram::writeBatch(const BatchWriter& writer, const data::Batch& batch, const Tensor& weights)
{
    if (m_programs.size() == 1) {
        writer.write(first(), batch);
        if (&weights != &batch.weights)
            first().write("weights", weights);
        return;
    }
    for (size_t device = 0; device < m_programs.size(); ++device)
        writer.write(*m_programs[device], m_group.shareOf(batch, weights, device));
}

void SharedProgram::write(const std::string& name, std::span<const std::byte> bytes)
{
    for (const auto& program : m_programs)
        program->write(name, bytes);
}

void SharedProgram::run()
{
    if (!m_group.m_communicator)
        return first().run();
    for (size_t part = 0; part <= m_sums.size(); ++part) {
        for (const auto& program : m_programs)
            program->executable().runPart(part);
        if (part < m_sums.size())
            m_group.m_communicator->sum(m_sums[part]);
    }
}

Result<std::unique_ptr<DeviceGroup>> DeviceGroup::create(Model& model, const backend::ModelMemory& memory,
    std::vector<ir::Program> first, bool shared,
    const std::vector<std::shared_ptr<backend::Backend>>& otherDevices, const MakePrograms& make)
{
    std::unique_ptr<DeviceGroup> group(new DeviceGroup);
    group->m_devices.push_back({nullptr, &model.device(), memory});
    for (const auto& device : otherDevices)
        if (Status status = group->addCopy(model, device); !status)
            return status.error();
    if (Status status = group->load(0, std::move(first)); !status)
        return status.error();
    for (size_t device = 1; device < group->m_devices.size(); ++device) {
        auto programs = make(static_cast<int64_t>(device));
        if (!programs)
            return programs.error();
        if (Status status = group->load(device, std::move(*programs)); !status)
            return status.error();
    }
    if (shared)
        group->connect();
    group->copyFirst();
    return group;
}

Status DeviceGroup::addCopy(Model& first, const std::shared_ptr<backend::Backend>& device)
{
    auto model = Model::create(first.graph(), first.labels(), device, 0);
    if (!model)
        return model.error();
    backend::ModelMemory memory = (*model)->memory();
    if (const auto& slots = m_devices.front().memory.slots) {
        auto copy = device->allocate(slots->bytes());
        if (!copy)
            return copy.error();
        memory.slots = std::move(*copy);
    }
    m_devices.push_back({std::move(*model), device.get(), std::move(memory)});
    return {};
}

Status DeviceGroup::load(size_t device, std::vector<ir::Program> programs)
{
    for (size_t i = 0; i < programs.size(); ++i) {
        auto loaded =
            LoadedProgram::load(*m_devices[device].backend, m_devices[device].memory, std::move(programs[i]));
        if (!loaded)
            return loaded.error();
        if (device == 0)
            m_programs.emplace_back(new SharedProgram(*this));
        m_programs[i]->m_programs.push_back(std::move(*loaded));
    }
    return {};
}

void DeviceGroup::connect()
{
    std::span<const backend::MemoryRange> most;
    for (const auto& program : m_programs) {
        program->m_sums.resize(program->first().executable().sums().size());
        for (const auto& onDevice : program->m_programs) {
            const auto sums = onDevice->executable().sums();
            for (size_t i = 0; i < sums.size(); ++i)
                program->m_sums.at(i).push_back(sums[i]);
        }
        for (const auto& shares : program->m_sums)
            if (most.empty() || shares.front().elements > most.front().elements)
                most = shares;
    }
    std::vector<backend::Backend*> devices;
    for (const Device& device : m_devices)
        devices.push_back(device.backend);
    m_communicator = backend::connect(devices, most);
}

void DeviceGroup::copyFirst()
{
    const backend::ModelMemory& first = m_devices.front().memory;
    for (size_t i = 1; i < m_devices.size(); ++i) {
        copyMemory(first.parameters, m_devices[i].memory.parameters);
        copyMemory(first.state, m_devices[i].memory.state);
        copyMemory(first.slots, m_devices[i].memory.slots);
    }
}

const data::Batch& DeviceGroup::shareOf(const data::Batch& batch, const Tensor& weights, size_t device)
{
    const int64_t size = batch.size() / static_cast<int64_t>(m_devices.size());
    if (m_share.weights.empty()) {
        m_share.samples = train::shareOf(batch.samples, size);
        for (const Tensor& target : batch.targets)
            m_share.targets.push_back(train::shareOf(target, size));
        m_share.weights = m_share.filled = Tensor(Shape{size});
        if (!batch.changes.empty()) {
            m_share.changes = train::shareOf(batch.changes, size);
            m_share.noise = train::shareOf(batch.noise, size);
        }
    }
    const int64_t first = static_cast<int64_t>(device) * size;
    copyRows(batch.samples, first, m_share.samples);
    for (size_t i = 0; i < m_share.targets.size(); ++i)
        copyRows(batch.targets[i], first, m_share.targets[i]);
    copyRows(weights, first, m_share.weights);
    copyRows(batch.filled, first, m_share.filled);
    if (!batch.changes.empty()) {
        copyRows(batch.changes, first, m_share.changes);
        copyRows(batch.noise, first, m_share.noise);
    }
    return m_share;
}

} // namespace gradloom::train
