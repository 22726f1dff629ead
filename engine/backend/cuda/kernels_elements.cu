#include "engine/backend/cuda/functors/functor_list.h"
#include "engine/backend/cuda/kernels.cuh"

namespace gradloom::cuda {

#define GRADLOOM_INSTANTIATE(F) template void forEach<F>(const Context&, int64_t, const F&);
GRADLOOM_ELEMENT_FUNCTORS(GRADLOOM_INSTANTIATE)

} // namespace gradloom::cuda
