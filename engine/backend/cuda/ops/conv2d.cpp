#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp conv2d()
{
    return {"conv2d", [](Preparation& p) {
                const Shape& w = p.inShape(1);
                ConvolutionCall call;
                call.pass = ConvolutionPass::Forward;
                call.shape = convolutionShape(p.op, p.inShape(0), {w[0], w[1], w[3]});
                call.x = p.operand(0);
                call.weights = p.operand(1);
                call.y = p.out();
                call.bias = p.in(2);
                call.relu = hasRelu(p);
                addConvolution(p, call);
            }};
}

} // namespace gradloom::cuda
