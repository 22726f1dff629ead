#pragma once

#include "engine/backend/backend.h"

namespace gradloom::backend {

/// Adds up what several devices computed, in one process. One thread calls it. It goes before the programs
/// whose results it adds up.
class Communicator
{
public:
    virtual ~Communicator() = default;
    /// Takes as many numbers of each device, adds them up and gives every device the sum, the same bits for
    /// all. Work that the devices were given before is done first, what they are given afterwards comes
    /// later. `shares` in the order of the devices. Throws DeviceFailure.
    virtual void sum(std::span<const MemoryRange> shares) = 0;
    /// Whether sum() returns before the sum is there, so that the host never waits for it.
    virtual bool runsAhead() const { return false; }
    /// One line for people on how it adds up; may be empty.
    virtual std::string note() const = 0;
};

/// By way of the host's memory, in the order of the devices.
std::unique_ptr<Communicator> hostCommunicator(std::string note = {});

/// Opens several devices; none may be named twice.
Result<std::vector<std::shared_ptr<Backend>>> openEach(
    const std::vector<std::string>& ids, const DeviceOptions& options);

/// What these devices have in common: NCCL where all are GPUs and it works, the host's memory otherwise. To
/// see whether it works, `shares` of the devices (the most that are ever added up) are added up.
std::unique_ptr<Communicator> connect(
    std::span<Backend* const> devices, std::span<const MemoryRange> shares);

/// NCCL as the CUDA module finds it on this machine.
struct NcclReport
{
    std::string version; ///< "2.28.9"; empty where it cannot be used
    std::string problem; ///< then one sentence: what is missing and what to do
};

/// Loads NCCL, which takes a moment.
NcclReport ncclReport();

/// Whether connect() lets devices of these ids add up with NCCL if it works: all are GPUs, and it is there.
bool haveNccl(std::span<const std::string> ids);

/// What it means where NCCL is missing: a sentence to put behind the problem.
inline constexpr const char* sumsOnHost =
    "Several GPUs add up their results in the host's memory instead, which takes longer.";

} // namespace gradloom::backend
