#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gemm()
{
    return {"gemm", [](Preparation& p) {
                p.kernel = "cuBLASLt";
                MatrixProduct product;
                product.transA = p.op.attributes.flag("trans_a");
                product.transB = p.op.attributes.flag("trans_b");
                product.m = p.outShape()[0];
                product.n = p.outShape()[1];
                product.k = p.inShape(0)[product.transA ? 0 : 1];
                product.a = p.in(0);
                product.lda = p.inShape(0)[1];
                product.b = p.in(1);
                product.ldb = p.inShape(1)[1];
                product.c = p.out();
                product.ldc = product.n;
                product.bias = p.in(2);
                product.relu = hasRelu(p);
                addProduct(p, product);
            }};
}

} // namespace gradloom::cuda
