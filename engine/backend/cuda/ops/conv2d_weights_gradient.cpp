#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp conv2d_weights_gradient()
{
    return {"conv2d_weights_gradient", [](Preparation& p) {
                const Shape& w = p.outShape(0);
                ConvolutionCall call;
                call.pass = ConvolutionPass::Weights;
                call.shape = convolutionShape(p.op, p.inShape(0), {w[0], w[1], w[3]});
                call.x = p.operand(0);
                call.weights = p.out(0);
                call.y = p.operand(1);
                addConvolution(p, call);
                const Shape& dy = p.inShape(1);
                addReduction(p, {p.in(1), p.out(1), 1, dy.elements() / dy[3], dy[3], false, 1});
            }};
}

} // namespace gradloom::cuda
