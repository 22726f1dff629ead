#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp unary()
{
    return {
        "unary", [](Preparation& p) {
            addPointwise(p, {{{p.op.attributes.text("fn"), 0, -1, p.op.attributes.realOr("alpha", 0)}}, {1}});
        }};
}

} // namespace gradloom::cuda
