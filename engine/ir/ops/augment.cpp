#include "engine/ir/op_rules.h"
#include "engine/tensor/picture_change.h"

namespace gradloom::ir {

OpType augment()
{
    OpType type;
    type.id = "augment";
    type.help =
        "Pictures (N×views×H×W×C) changed at random in training, and the views of each sample mixed "
        "(N×H×W×C). "
        "What becomes of each picture was drawn by the loader: a table of changes (N×views×(15 + C): "
        "PictureChange and the unit of each channel) and one of the places of their noise in the stream of "
        "random numbers (N×views×5 integers: NoisePlace). Not differentiated.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        const Shape& x = in[0].shape;
        if (x.rank() != 5)
            return shapeError("the pictures must be N×views×H×W×C");
        if (in[1].shape != Shape{x[0], x[1], PictureChange::floats + x[4]} || in[1].dtype != DType::F32)
            return shapeError("the changes must be N×views×(15 + C) numbers");
        if (in[2].shape != Shape{x[0], x[1], NoisePlace::integers} || in[2].dtype != DType::I32)
            return shapeError("the places of the noise must be N×views×5 integers");
        return Types{{Shape{x[0], x[2], x[3], x[4]}, DType::F32}};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 12 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
