#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp conv2d_transpose()
{
    return {"conv2d_transpose", [](Preparation& p) {
                const Shape& w = p.inShape(1);
                ConvolutionCall call;
                call.pass = ConvolutionPass::Data;
                call.shape = convolutionShape(p.op, p.outShape(), {w[0], w[1], w[3]});
                call.x = p.out();
                call.weights = p.operand(1);
                call.y = p.operand(0);
                call.bias = p.in(2);
                call.relu = hasRelu(p);
                addConvolution(p, call);
            }};
}

} // namespace gradloom::cuda
