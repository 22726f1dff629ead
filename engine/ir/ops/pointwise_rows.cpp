#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType pointwise_rows()
{
    OpType type;
    type.id = "pointwise_rows";
    type.help =
        "Changes some rows of tables, each element by itself, and leaves the others as they are. Operands: "
        "0 the rows (I32, R; each at most once, those behind the first negative one do not count), then "
        "`tables` tables (V×D), of which the elements of these rows take part, then values R×D or one "
        "number. Result i is the table of operand i + 1 with the rows changed to output i of the code, "
        "whose operands are numbered from operand 1 on.";
    type.inPlace = 1;
    type.inPlaceEach = true;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto results = static_cast<size_t>(attributes.integer("results"));
        const auto tables = static_cast<size_t>(attributes.integer("tables"));
        if (tables < results || in.size() <= tables || in[0].dtype != DType::I32)
            return shapeError("the rows and one table for each result are needed");
        const int64_t elements = in[0].shape.elements() * in[1].shape[-1];
        for (size_t i = 1; i < in.size(); ++i) {
            const int64_t size = in[i].shape.elements();
            if (i <= tables ? !(in[i].shape == in[1].shape) : size != 1 && size != elements)
                return shapeError(
                    "the tables must be of one shape, the values one for each element of the rows");
        }
        return Types(results, in[1]);
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements() * in[1].shape[-1];
    };
    type.bytes = [](std::span<const TensorType> in, std::span<const TensorType> out) {
        const int64_t part = in[0].shape.elements() * in[1].shape[-1] * sizeOf(in[1].dtype); // rows of one table
        int64_t sum = in[0].bytes() + static_cast<int64_t>(out.size()) * part;
        for (size_t i = 1; i < in.size(); ++i)
            sum += std::min(in[i].bytes(), part);
        return sum;
    };
    return type;
}

} // namespace gradloom::ir
