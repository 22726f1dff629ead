#include "engine/backend/cuda/functors/functor_list.h"
#include "engine/backend/cuda/kernels.cuh"

namespace gradloom::cuda {

#define GRADLOOM_INSTANTIATE(F) template void forTeams<F>(const Context&, int64_t, const F&, const TeamSize&);
GRADLOOM_TEAM_FUNCTORS(GRADLOOM_INSTANTIATE)

} // namespace gradloom::cuda
