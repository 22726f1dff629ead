#pragma once

#include "engine/backend/cuda/cuda_check.h"

namespace gradloom::cuda {

/// Memory of a device that was taken at once for the blocks to come. They stay valid without it.
class ReservedMemory
{
public:
    void take(int64_t bytes)
    {
        m_whole = {}; // first, so that what no block is left of is given back
        m_used = 0;
        m_whole = Block(Block::Where::Device, bytes);
    }

    /// Part of what was taken; plain memory of the device where that is used up.
    Block block(int64_t bytes)
    {
        const int64_t size = backend::inMemoryUnits(bytes);
        if (m_whole.data() == nullptr || m_used + size > m_whole.bytes())
            return Block(Block::Where::Device, bytes);
        const Block part(m_whole, m_used, bytes);
        m_used += size;
        return part;
    }

private:
    Block m_whole;
    int64_t m_used = 0;
};

} // namespace gradloom::cuda
