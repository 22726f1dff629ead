#pragma once

#include "engine/backend/communicator.h"

namespace gradloom::cuda {

/// Lets devices that openCuda() opened add up with NCCL; the error is one sentence on why they cannot.
Result<std::unique_ptr<backend::Communicator>> connectCuda(std::span<backend::Backend* const> devices);

} // namespace gradloom::cuda
