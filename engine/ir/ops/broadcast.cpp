#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType broadcast()
{
    OpType type;
    type.id = "broadcast";
    type.help = "Repeats x along its dimensions of extent one (and missing leading ones) to `shape`.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape to(attributes.list("shape"));
        const Shape& from = in[0].shape;
        for (int axis = 1; axis <= from.rank(); ++axis)
            if (axis > to.rank() || (from[-axis] != to[-axis] && from[-axis] != 1))
                return shapeError(from.toString() + " cannot be repeated to " + to.toString());
        return Types{{to, in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        // One reduction takes neighbouring axes only, so separate runs are summed one after the other.
        const Shape& from = b.shape(op.inputs[0]);
        ValueId sum = g[0];
        for (int axis = b.shape(sum).rank(); axis-- > 0;) {
            const int source = axis - (b.shape(g[0]).rank() - from.rank());
            const bool repeated = source < 0 || (from[source] == 1 && b.shape(g[0])[axis] != 1);
            if (!repeated)
                continue;
            int first = axis;
            while (first > 0) {
                const int before = source - (axis - first) - 1;
                if (!(before < 0 || (from[before] == 1 && b.shape(g[0])[first - 1] != 1)))
                    break;
                --first;
            }
            std::vector<int64_t> axes;
            for (int i = first; i <= axis; ++i)
                axes.push_back(i);
            sum = b.reduce("sum", sum, axes, true);
            axis = first;
        }
        return {b.reshape(sum, from)};
    };
    return type;
}

} // namespace gradloom::ir
