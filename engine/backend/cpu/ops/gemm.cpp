#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/gather.h"
#include "engine/backend/cpu/kernels/gemm.h"

#include <utility>

namespace gradloom::cpu {

namespace {

/// The product with the rows of A that are listed (see the operation's fourth operand); `units` is that of the whole.
struct ListedProduct
{
    const int32_t* list;
    int64_t most;  ///< length of the list
    int64_t units;

    void run(GemmShape shape, const GemmArgs& args, int64_t begin, int64_t end) const
    {
        const int64_t listed = uniqueCount(list, most);
        if (shape.transposedA) {
            if (shape.ldb > 0) // packed panels are as long as the whole list
                shape.k = listed;
            gemm(shape, args, begin, end);
            return;
        }
        const int64_t m = std::exchange(shape.m, listed);
        const int64_t present = gemmUnits(shape);
        gemm(shape, args, begin * present / units, end * present / units);
        const auto firstZero = [&](int64_t unit) { return args.c + (listed + (m - listed) * unit / units) * shape.ldc; };
        std::fill(firstZero(begin), firstZero(end), 0.0F);
    }
};

} // namespace

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
                p.kernel = (stored ? "stored " : "packed ") + tileName() + (p.has(3) ? ", listed rows" : "");
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
                const ListedProduct listed{p.in<int32_t>(3), p.inShape(0)[0], gemmUnits(shape)};
                p.phase(listed.units, work, [=](int64_t begin, int64_t end, int) {
                    GemmArgs ready = args;
                    if (!stored)
                        ready.b = packedAt();
                    if (listed.list != nullptr)
                        listed.run(shape, ready, begin, end);
                    else
                        gemm(shape, ready, begin, end);
                });
            }};
}

} // namespace gradloom::cpu
