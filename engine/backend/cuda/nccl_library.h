#pragma once

#include "engine/backend/cuda/nccl_communicator.h"

namespace gradloom::cuda {

/// NCCL as it was found on this machine.
struct NcclLibrary
{
    NcclFunctions functions;
    backend::NcclReport report;
};

/// Loads libnccl.so.2 when it is asked for the first time; it stays loaded. Any thread.
const NcclLibrary& ncclLibrary();

} // namespace gradloom::cuda
