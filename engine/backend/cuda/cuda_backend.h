#pragma once

#include "engine/backend/backend.h"

namespace gradloom::cuda {

/// Opens a device by its index; the error is one sentence that says what to do.
Result<std::unique_ptr<backend::Backend>> openCuda(int index, const backend::DeviceOptions& options);

} // namespace gradloom::cuda
