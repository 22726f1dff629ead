#include "engine/backend/cuda/functors/norm.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp batch_norm()
{
    return {"batch_norm", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                BatchNormShape s{x.elements() / x[-1], x[-1]};
                s.parts = reductionParts(s.rows, s.tiles());
                float* partials = p.scratch(s.parts * s.channels * 3);
                p.teams(s.teams(), BatchNormMoments{s, p.in(0), partials}, teamForTile(3));
                BatchNormStatistics statistics;
                statistics.s = s;
                statistics.partials = partials;
                statistics.gamma = p.in(1);
                statistics.epsilon = static_cast<float>(p.op.attributes.real("epsilon"));
                statistics.mean = p.out(1);
                statistics.variance = p.out(2);
                statistics.scale = p.scratch(s.channels);
                p.teams(s.channels, statistics, {32, 96});
                const auto apply = [&]<int Width>(BatchNormApply<Width> functor) {
                    functor.channels = s.channels;
                    functor.x = p.in(0);
                    functor.mean = statistics.mean;
                    functor.scale = statistics.scale;
                    functor.beta = p.in(2);
                    functor.relu = hasRelu(p);
                    functor.y = p.out(0);
                    p.each(x.elements() / Width, functor);
                };
                if (fitsFour(s.channels, {p.in(0), p.out(0)}))
                    apply(BatchNormApply<4>());
                else
                    apply(BatchNormApply<1>());
            }};
}

} // namespace gradloom::cuda
