#pragma once

#include "engine/backend/backend.h"

namespace gradloom::tests {

/// The operations of the GPU on the CPU: the files in engine/backend/cuda/ops and their functors as they are,
/// launched in loops and teams of fibers, with plain loops in place of cuDNN and cuBLASLt.
/// `keepScores` false: attention never keeps its scores, as where they are very many.
std::unique_ptr<backend::Backend> openEmulatedCuda(
    const backend::DeviceOptions& options = {}, bool keepScores = true);

} // namespace gradloom::tests
