#pragma once

#include "engine/backend/backend.h"

namespace gradloom::cpu {

/// The CPU: own kernels, one thread pool.
std::unique_ptr<backend::Backend> openCpu(const backend::DeviceOptions& options);

/// Starts no threads.
std::unique_ptr<backend::Planner> planCpu(const backend::DeviceOptions& options);

} // namespace gradloom::cpu
