#pragma once

#include "engine/backend/backend.h"

namespace gradloom::backend {

/// Adds up what several devices computed, in one process. One thread calls it.
class Communicator
{
public:
    virtual ~Communicator() = default;
    /// Takes the same range of a memory on each device, adds it up and gives every device the sum, the same
    /// bits for all. Work that the devices were given before is done first, what they are given afterwards
    /// comes later.
    virtual void sum(
        std::span<const std::shared_ptr<Memory>> memories, int64_t firstElement, int64_t elements) = 0;
};

/// By way of the host's memory, in the order of the devices; `elements` is the most that is ever added up.
std::unique_ptr<Communicator> hostCommunicator(int64_t elements);

} // namespace gradloom::backend
