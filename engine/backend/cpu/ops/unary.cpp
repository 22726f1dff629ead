#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/pointwise_translation.h"

namespace gradloom::cpu {

CpuOp unary()
{
    return {"unary", [](Preparation& p) {
                preparePointwise(p, {{{p.op.attributes.text("fn"), 0, -1, p.op.attributes.realOr("alpha", 0)}}, {1}});
            }};
}

} // namespace gradloom::cpu
