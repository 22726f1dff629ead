#pragma once

#include "engine/backend/backend.h"
#include "engine/backend/cuda/device.h"

namespace gradloom::cuda {

/// Opens a device by its index; the error is one sentence that says what to do.
Result<std::unique_ptr<backend::Backend>> openCuda(int index, const backend::DeviceOptions& options);

/// Of any GPU; takes no memory of one.
std::unique_ptr<backend::Planner> planCuda(const backend::DeviceOptions& options);

/// The GPU of a backend that openCuda() opened; nullptr for any other.
std::shared_ptr<Device> deviceOf(backend::Backend& opened);

} // namespace gradloom::cuda
