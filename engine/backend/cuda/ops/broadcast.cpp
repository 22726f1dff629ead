#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp broadcast()
{
    return {"broadcast", [](Preparation& p) {
                const Shape& from = p.inShape(0);
                const Shape& to = p.outShape();
                const auto strides = denseStrides(from);
                CopyLayout copy{to, {}, denseStrides(to), p.in<uint32_t>(0), p.out<uint32_t>()};
                const int extra = to.rank() - from.rank();
                for (int axis = extra; axis < to.rank(); ++axis)
                    if (from[axis - extra] == to[axis])
                        copy.sourceStride[static_cast<size_t>(axis)] =
                            strides[static_cast<size_t>(axis - extra)];
                addCopy(p, copy);
            }};
}

} // namespace gradloom::cuda
