#include "engine/backend/cuda/functors/norm.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp batch_norm_backward()
{
    return {
        "batch_norm_backward", [](Preparation& p) {
            const Shape& x = p.inShape(0);
            BatchNormShape s{x.elements() / x[-1], x[-1]};
            s.parts = reductionParts(s.rows, s.tiles());
            BatchNormGradientInputs in;
            in.x = p.in(0);
            in.gamma = p.in(1);
            in.mean = p.in(2);
            in.variance = p.in(3);
            in.dy = p.in(4);
            in.beta = hasRelu(p) ? p.in(5) : nullptr;
            in.epsilon = static_cast<float>(p.op.attributes.real("epsilon"));
            float* partials = p.scratch(s.parts * s.channels * 2);
            p.teams(s.teams(), BatchNormGradientSums{s, in, partials}, teamForTile(2));
            float* factors = p.scratch(3 * s.channels);
            p.teams(s.channels, BatchNormGradientFinish{s, in, partials, p.out(1), p.out(2), factors}, {});
            if (fitsFour(s.channels, {in.x, in.dy, p.out(0)}))
                p.each(x.elements() / 4, BatchNormGradientApply<4>{s, in, factors, p.out(0)});
            else
                p.each(x.elements(), BatchNormGradientApply<1>{s, in, factors, p.out(0)});
        }};
}

} // namespace gradloom::cuda
