#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/reduce.h"

namespace gradloom::cpu {

namespace {

/// The reduced axes are neighbours, so any reduction is [outer, reduce, inner].
ReduceShape shapeOf(const Preparation& p)
{
    const Shape& x = p.inShape(0);
    const auto& axes = p.op.attributes.list("axes");
    ReduceShape shape;
    for (int axis = 0; axis < x.rank(); ++axis) {
        if (!axes.empty() && axis >= axes.front() && axis <= axes.back())
            shape.reduce *= x[axis];
        else if (axes.empty() || axis < axes.front())
            shape.outer *= x[axis];
        else
            shape.inner *= x[axis];
    }
    return shape;
}

} // namespace

CpuOp reduce()
{
    return {"reduce", [](Preparation& p) {
                const ReduceShape shape = shapeOf(p);
                const std::string& fn = p.op.attributes.text("fn");
                ReduceArgs args;
                args.op = fn == "sum" ? ReduceOp::Sum : fn == "mean" ? ReduceOp::Mean : ReduceOp::Max;
                args.x = p.in(0);
                args.y = p.out();
                const int64_t offset = p.common(reducePartials(shape));
                const auto ready = [args, offset, scratch = p.scratch] {
                    ReduceArgs r = args;
                    r.partials = reinterpret_cast<float*>(scratch->common) + offset;
                    return r;
                };
                const ReduceSplit split = reduceSplit(shape);
                p.kernel = shape.inner == 1 ? "along rows" : "across rows";
                if (split.parts > 1)
                    p.kernel += ", " + std::to_string(split.parts) + " parts";
                p.phase(split.units, static_cast<double>(p.inShape(0).elements()),
                    [=](int64_t begin, int64_t end, int) { reduce(shape, ready(), begin, end); });
                if (split.parts > 1)
                    p.phase(1, 0, [=](int64_t, int64_t, int) { reduceCombine(shape, ready()); });
            }};
}

} // namespace gradloom::cpu
