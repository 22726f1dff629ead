#pragma once

#include "engine/backend/cuda/device.h"
#include "engine/backend/cuda/reserved_memory.h"

#include <algorithm>
#include <span>
#include <vector>

namespace gradloom::cuda {

/// The inputs of an executable on their way to the device: into pinned memory, from there on the second
/// stream into a place of their own on the device while the step before still runs, and into the step's
/// memory when the next one begins.
class InputStaging
{
public:
    /// `bytes` by value; 0 for what is no input.
    InputStaging(Device& device, const std::vector<int64_t>& bytes, ReservedMemory& reserved)
        : m_device(device), m_slots(bytes.size())
    {
        int64_t total = 0;
        for (size_t i = 0; i < bytes.size(); ++i) {
            m_slots[i] = {total, bytes[i]};
            total += backend::inMemoryUnits(bytes[i]);
        }
        m_pinned = Block(Block::Where::Pinned, total);
        m_staged = reserved.block(total);
        m_copied = makeEvent();
        m_taken = makeEvent();
    }

    int64_t deviceBytes() const { return m_staged.bytes(); }

    /// Waits until an input may be overwritten, which needs no turn, and keeps it for send().
    void fill(size_t value, std::span<const std::byte> source)
    {
        // Copies of the last batch may still read the pinned memory. Those of this batch need not be waited for:
        // an input that is written twice is copied twice, and the last copy counts.
        if (m_underWay)
            m_device.waitFor(m_copied, "copying data to it");
        m_underWay = false;
        std::copy(source.begin(), source.end(), m_pinned.data() + m_slots[value].offset);
    }

    void send(size_t value)
    {
        Slot& slot = m_slots[value];
        // The last step may still take the staged one.
        check(cudaStreamWaitEvent(m_device.copies(), m_taken.get(), 0), "copying data to it");
        check(cudaMemcpyAsync(m_staged.data() + slot.offset, m_pinned.data() + slot.offset,
                  static_cast<size_t>(slot.bytes), cudaMemcpyHostToDevice, m_device.copies()),
            "copying data to it");
        check(cudaEventRecord(m_copied.get(), m_device.copies()), "copying data to it");
        slot.written = true;
        slot.waiting = true;
    }

    /// Puts what was written since the last step where the step reads it, which `target` says.
    template <class Target>
    void take(const Target& target)
    {
        bool any = false;
        for (size_t i = 0; i < m_slots.size(); ++i) {
            Slot& slot = m_slots[i];
            if (!slot.waiting)
                continue;
            if (!any)
                check(cudaStreamWaitEvent(m_device.compute(), m_copied.get(), 0), "taking data");
            any = true;
            slot.waiting = false;
            check(cudaMemcpyAsync(target(i), m_staged.data() + slot.offset, static_cast<size_t>(slot.bytes),
                      cudaMemcpyDeviceToDevice, m_device.compute()),
                "taking data");
        }
        m_underWay = m_underWay || any;
        if (any)
            check(cudaEventRecord(m_taken.get(), m_device.compute()), "taking data");
    }

    /// The step's memory was overwritten: the next step takes everything again.
    void takeAllAgain()
    {
        for (Slot& slot : m_slots)
            slot.waiting = slot.written;
    }

private:
    struct Slot
    {
        int64_t offset = 0;
        int64_t bytes = 0;
        bool written = false; ///< at least once
        bool waiting = false; ///< for the next step
    };

    Device& m_device;
    std::vector<Slot> m_slots;
    Block m_pinned, m_staged;
    bool m_underWay = false; ///< copies of the last batch, as far as is known
    Event m_copied;          ///< of the last write
    Event m_taken;           ///< by the last step
};

} // namespace gradloom::cuda
