#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp reduce()
{
    return {"reduce", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const auto& axes = p.op.attributes.list("axes");
                const std::string& fn = p.op.attributes.text("fn");
                ReduceCall call;
                call.x = p.in(0);
                call.y = p.out();
                // The reduced axes are neighbours, so any reduction is [outer, reduce, inner].
                for (int axis = 0; axis < x.rank(); ++axis) {
                    if (!axes.empty() && axis >= axes.front() && axis <= axes.back())
                        call.reduce *= x[axis];
                    else if (axes.empty() || axis < axes.front())
                        call.outer *= x[axis];
                    else
                        call.inner *= x[axis];
                }
                call.max = fn == "max";
                call.scale = fn == "mean" ? 1.0F / static_cast<float>(call.reduce) : 1.0F;
                addReduction(p, call);
            }};
}

} // namespace gradloom::cuda
