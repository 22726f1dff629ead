#include "engine/backend/cuda/functors/norm.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp group_norm()
{
    return {"group_norm", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const int64_t samples = p.outShape(1)[0];
                const GroupNormShape s{samples, x.elements() / samples / x[-1], x[-1], p.outShape(1)[1]};
                GroupNorm norm;
                norm.s = s;
                norm.x = p.in(0);
                norm.gamma = p.in(1);
                norm.beta = p.in(2);
                norm.epsilon = static_cast<float>(p.op.attributes.real("epsilon"));
                norm.y = p.out(0);
                norm.mean = p.out(1);
                norm.rstd = p.out(2);
                p.teams(s.samples * s.groups, norm, teamForRow(s.groupSize()));
            }};
}

} // namespace gradloom::cuda
