#pragma once

#include "engine/backend/cuda/device.h"

#include <array>
#include <cstring>
#include <map>
#include <span>

namespace gradloom::cuda {

/// Results of one number, copied to the host behind every run, for the last two runs.
class ResultRing
{
public:
    ResultRing(Device& device, const ir::Program& program) : m_device(device)
    {
        for (const auto& [name, id] : program.outputs)
            if (program.typeOf(id).shape.elements() == 1 && !m_slots.contains(id))
                m_slots.emplace(id, static_cast<int64_t>(m_slots.size()) * slotBytes);
        m_memory = Block(Block::Where::Pinned, turns * turnBytes());
        for (Event& event : m_arrived)
            event = makeEvent();
    }

    /// Sends the copies of the run that was just sent.
    template <class Source>
    void keep(const ir::Program& program, const Source& source)
    {
        const auto turn = static_cast<size_t>(m_runs++ % turns);
        for (const auto& [id, offset] : m_slots)
            check(cudaMemcpyAsync(m_memory.data() + static_cast<int64_t>(turn) * turnBytes() + offset,
                      source(id), static_cast<size_t>(program.typeOf(id).bytes()), cudaMemcpyDeviceToHost,
                      m_device.compute()),
                "copying results from it");
        check(cudaEventRecord(m_arrived[turn].get(), m_device.compute()), "copying results from it");
    }

    /// Whether a result of the last run is kept, or of the run so many before it.
    bool has(ir::ValueId id, int64_t before) const { return m_runs > before && m_slots.contains(id); }

    /// A result that is kept; waits for its run only.
    void read(ir::ValueId id, int64_t before, std::span<std::byte> bytes) const
    {
        const auto turn = static_cast<size_t>((m_runs - 1 - before) % turns);
        m_device.waitFor(m_arrived[turn], "computing");
        std::memcpy(bytes.data(), m_memory.data() + static_cast<int64_t>(turn) * turnBytes() + m_slots.at(id),
            bytes.size());
    }

private:
    static constexpr int64_t turns = 2;
    static constexpr int64_t slotBytes = 8;

    int64_t turnBytes() const { return static_cast<int64_t>(m_slots.size()) * slotBytes; }

    Device& m_device;
    std::map<ir::ValueId, int64_t> m_slots;
    Block m_memory;
    std::array<Event, turns> m_arrived;
    int64_t m_runs = 0;
};

} // namespace gradloom::cuda
