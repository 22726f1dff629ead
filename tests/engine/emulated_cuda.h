#pragma once

#include "engine/backend/cuda/alternatives.h"

namespace gradloom::tests {

/// Takes what is launched on a stream, see fake_cudart.h; without a stream it is done at once.
using SendToStream = void (*)(void* stream, std::function<void()> work);
extern SendToStream sendToStream;

/// The operations of the GPU on the CPU: the files in engine/backend/cuda/ops and their functors as they are,
/// launched in loops and teams of fibers, with plain loops in place of cuDNN and cuBLASLt.
/// `keepScores` false: attention never keeps its scores, as where they are very many. `alternatives` must
/// outlive what is loaded. `scratchLimit`: bytes of memory beside the arena that an executable may take, if it can do
/// with them.
std::unique_ptr<backend::Backend> openEmulatedCuda(const backend::DeviceOptions& options = {},
    bool keepScores = true, cuda::Alternatives* alternatives = nullptr,
    int64_t scratchLimit = std::numeric_limits<int64_t>::max());

/// Trials in the memory of the host. How long something takes is chosen by the test: `times` in the order in
/// which it is asked, beginning again at the end.
class EmulatedTrial : public cuda::TrialDevice
{
public:
    explicit EmulatedTrial(std::vector<float> times) : m_times(std::move(times)) {}
    std::shared_ptr<std::byte> allocate(int64_t bytes) override;
    void run(const std::vector<cuda::Launch>& launches) override;
    std::vector<std::byte> read(const std::byte* from, int64_t bytes) override;
    float milliseconds(const std::vector<cuda::Launch>& launches) override;
    int measurements() const { return m_measurements; }

private:
    std::vector<float> m_times;
    int m_measurements = 0;
};

} // namespace gradloom::tests
