#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/gemm.h"

namespace gradloom::cpu {

CpuOp gemm()
{
    return {"gemm", [](Preparation& p) {
                const bool transA = p.op.attributes.flag("trans_a");
                const bool transB = p.op.attributes.flag("trans_b");
                const Shape& b = p.inShape(1);
                GemmShape shape;
                shape.m = p.outShape()[0];
                shape.n = p.outShape()[1];
                shape.k = p.inShape(0)[transA ? 0 : 1];
                shape.lda = p.inShape(0)[1];
                shape.ldc = shape.n;
                shape.transposedA = transA;
                const GemmOperand operand{shape.k, shape.n, b[1], transB};
                GemmArgs args;
                args.a = p.in(0);
                args.b = p.in(1);
                args.epilogue = epilogueOf(p, p.in(2));
                args.c = p.out();
                const bool stored = gemmReadsStored(operand);
                p.kernel = (stored ? "stored " : "packed ") + tileName();
                const int64_t packed = stored ? 0 : p.common(gemmPackedSize(shape.k, shape.n));
                const auto packedAt = [=, scratch = p.scratch] {
                    return reinterpret_cast<float*>(scratch->common) + packed;
                };
                if (stored)
                    shape.ldb = operand.ld;
                else
                    p.phase(gemmPackUnits(shape.k, shape.n), static_cast<double>(b.elements()),
                        [=](int64_t begin, int64_t end, int) {
                            gemmPack(operand, args.b, packedAt(), begin, end);
                        });
                const double work = 2.0 * static_cast<double>(shape.m * shape.n) * static_cast<double>(shape.k);
                p.phase(gemmUnits(shape), work, [=](int64_t begin, int64_t end, int) {
                    GemmArgs ready = args;
                    if (!stored)
                        ready.b = packedAt();
                    gemm(shape, ready, begin, end);
                });
            }};
}

} // namespace gradloom::cpu
