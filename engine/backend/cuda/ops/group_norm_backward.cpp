#include "engine/backend/cuda/functors/norm.h"
#include "engine/backend/cuda/functors/reduce.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp group_norm_backward()
{
    return {
        "group_norm_backward", [](Preparation& p) {
            const Shape& x = p.inShape(0);
            const Shape& statistics = p.inShape(2);
            const GroupNormShape s{statistics[0], x.elements() / statistics[0] / x[-1], x[-1], statistics[1]};
            const int64_t tiles = ColumnTile::count(s.channels);
            const int64_t parts = reductionParts(s.samples * s.spatial, tiles);
            float* partials = p.scratch(parts * 2 * s.channels);
            float* sums = p.scratch(2 * s.channels);
            p.teams(parts * tiles,
                GroupNormParameterGradient{s, parts, p.in(0), p.in(4), p.in(2), p.in(3), partials},
                teamForTile(2));
            p.teams(2 * s.channels, ReduceFinish{partials, sums, 2 * s.channels, parts, false, 1}, {});
            const int64_t bytes = s.channels * 4;
            p.launch(
                [dgamma = p.out(1), dbeta = p.out(2), sums, bytes, channels = s.channels](const Context& c) {
                    copyBytes(c, dgamma, sums, bytes);
                    copyBytes(c, dbeta, sums + channels, bytes);
                });
            // Last, because dx may overwrite dy.
            p.teams(s.samples * s.groups,
                GroupNormGradient{s, p.in(0), p.in(1), p.in(2), p.in(3), p.in(4), p.out(0)},
                teamForRow(s.groupSize()));
        }};
}

} // namespace gradloom::cuda
