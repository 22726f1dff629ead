#include "attention.h"

#include "attention_rows.h"
#include "gemm.h"
#include "tile.h"

#include <algorithm>
#include <utility>

namespace gradloom::cpu {

namespace {

/// Queries that are worked on at once: their scores against some hundred keys
/// fit the second-level cache.
constexpr int64_t queryBlock = attentionBlockRows;

/// Left operand of a product: row r starts at data + r * rowStride, its values
/// are `step` apart.
struct Left
{
    const float* data;
    int64_t rowStride;
    int64_t step;
};

/// Right operand: columns packed by gemmPack from a matrix with `depth` rows,
/// of which the first ones are used.
struct Right
{
    const float* packed;
    int64_t depth;
};

struct Target
{
    float* data;
    int64_t rowStride;
    bool accumulate;
};

/// target[rows × columns] = or += left[rows × inner] · right[inner × columns].
void multiply(
    const Left& left, const Right& right, const Target& target, int64_t rows, int64_t inner, int64_t columns)
{
    const TileKernels& kernels = tileKernels();
    const float* pointers[queryBlock];
    const int64_t start = 0;
    TileCall call;
    call.rows = pointers;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.segmentLength = inner;
    call.step = left.step;
    call.streamed = true;
    call.ldc = target.rowStride;
    call.accumulate = target.accumulate;
    for (int64_t row = 0; row < rows; row += queryBlock) {
        call.rowCount = std::min(queryBlock, rows - row);
        for (int64_t r = 0; r < call.rowCount; ++r)
            pointers[r] = left.data + (row + r) * left.rowStride;
        for (int64_t column = 0; column < columns; column += kernels.width) {
            call.columns = std::min<int64_t>(kernels.width, columns - column);
            call.ldb = kernels.panelColumns(call.columns);
            call.b = right.packed + column * right.depth;
            call.c = target.data + row * target.rowStride + column;
            kernels.run(call);
        }
    }
}

/// Packs a depth×columns matrix with row distance `ld` (or its transpose,
/// stored columns×depth).
Right pack(const float* matrix, int64_t depth, int64_t columns, int64_t ld, bool transposed, float*& scratch)
{
    const Right packed{scratch, depth};
    gemmPack({depth, columns, ld, transposed}, matrix, scratch, 0, gemmPackUnits(depth, columns));
    scratch += gemmPackedSize(depth, columns);
    return packed;
}

/// One sample and head: where its parts of the operands start.
struct Head
{
    int64_t index;      ///< unit
    int64_t qRow, vRow; ///< distance of two rows of q and k, of v and y
    int64_t q, k, v, y; ///< offsets
    const float* bias = nullptr;

    Head(const AttentionShape& s, int64_t unit)
        : index(unit), qRow(s.heads * s.size), vRow(s.heads * s.valueSize)
    {
        const int64_t sample = unit / s.heads;
        const int64_t head = unit % s.heads;
        q = sample * s.queries * qRow + head * s.size;
        k = sample * s.keys * qRow + head * s.size;
        v = sample * s.keys * vRow + head * s.valueSize;
        y = sample * s.queries * vRow + head * s.valueSize;
    }
};

/// The mask of the head's sample as numbers to add to scores.
void makeBias(const AttentionShape& s, const AttentionOperands& in, Head& head, float*& scratch)
{
    if (in.mask == nullptr)
        return;
    const float* mask = in.mask + head.index / s.heads * s.keys;
    std::transform(
        mask, mask + s.keys, scratch, [](float keep) { return keep > 0.5F ? 0.0F : attentionMasked; });
    head.bias = scratch;
    scratch += s.keys;
}

/// A block of queries with the keys that any of them sees.
struct Block
{
    int64_t first, count;
    int64_t keys;

    Block(const AttentionShape& s, int64_t start)
        : first(start), count(std::min(queryBlock, s.queries - start)), keys(s.keys)
    {
        // Whole panels, as they were packed, and the same number on every machine: dropout counts by it.
        constexpr int64_t width = 64;
        if (s.causal)
            keys = std::min(s.keys, (first + count + width - 1) / width * width);
    }

    ScoreBlock scores(const AttentionShape& s, const Head& head, float* scores) const
    {
        return {scores, count, keys, s.causal ? first + 1 : keys, head.bias, s.scale};
    }
    ValueRows values(const AttentionShape& s, const Head& head) const
    {
        return {count, s.valueSize, head.vRow};
    }
};

/// Dropout of a block of probabilities or of their gradients: both get the same
/// mask. Every block has a key of its own (Steele et al. 2014, SplitMix),
/// because its numbers are counted from zero.
void dropBlock(const AttentionShape& s, const AttentionOperands& in, const Head& head, const Block& block,
    const float* from, float* to)
{
    const int64_t blocks = (s.queries + queryBlock - 1) / queryBlock;
    DropoutArgs args;
    args.key = in.key;
    const int64_t drawn = head.index + s.firstDrawn + (head.index < s.laterUnits ? 0 : s.laterBy);
    args.key.seed +=
        0x9E3779B97F4A7C15U * static_cast<uint64_t>(drawn * blocks + block.first / queryBlock + 1);
    args.rate = s.rate;
    args.size = block.count * block.keys;
    args.x = from;
    args.y = to;
    dropout(args, 0, randomUnits(args.size));
}

void attentionOfHead(const AttentionShape& s, const AttentionArgs& args, int64_t unit)
{
    Head head(s, unit);
    float* scratch = args.in.scratch;
    makeBias(s, args.in, head, scratch);
    const Right keys = pack(args.in.k + head.k, s.size, s.keys, head.qRow, true, scratch);
    const Right values = pack(args.in.v + head.v, s.keys, s.valueSize, head.vRow, false, scratch);
    float* scores = scratch;
    float* factors = scores + queryBlock * s.keys;
    for (int64_t first = 0; first < s.queries; first += queryBlock) {
        const Block block(s, first);
        multiply({args.in.q + head.q + first * head.qRow, head.qRow, 1}, keys, {scores, block.keys, false},
            block.count, s.size, block.keys);
        attentionExp(block.scores(s, head, scores), factors, args.logSum + unit * s.queries + first);
        if (s.rate > 0)
            dropBlock(s, args.in, head, block, scores, scores);
        float* y = args.y + head.y + first * head.vRow;
        multiply(
            {scores, block.keys, 1}, values, {y, head.vRow, false}, block.count, block.keys, s.valueSize);
        attentionScale(block.values(s, head), y, factors);
    }
}

/// What the gradient of a head keeps from block to block.
struct GradientParts
{
    Right keysTransposed, valuesTransposed, keys;
    float* packedQueries;
    float* packedGradients;
    float* probabilities;
    float* dropped; ///< probabilities behind dropout; the same memory without it
    float* scoreGradients;
};

void gradientOfBlock(const AttentionShape& s, const AttentionGradArgs& args, const Head& head,
    const Block& block, const GradientParts& parts)
{
    const float* q = args.in.q + head.q + block.first * head.qRow;
    const float* dy = args.dy + head.y + block.first * head.vRow;
    const float* y = args.y + head.y + block.first * head.vRow;
    const float* logSum = args.logSum + head.index * s.queries + block.first;
    multiply({q, head.qRow, 1}, parts.keysTransposed, {parts.probabilities, block.keys, false}, block.count,
        s.size, block.keys);
    attentionProbabilities(block.scores(s, head, parts.probabilities), logSum);
    multiply({dy, head.vRow, 1}, parts.valuesTransposed, {parts.scoreGradients, block.keys, false},
        block.count, s.valueSize, block.keys);
    if (s.rate > 0) {
        dropBlock(s, args.in, head, block, parts.probabilities, parts.dropped);
        dropBlock(s, args.in, head, block, parts.scoreGradients, parts.scoreGradients);
    }
    float* packed = parts.packedGradients;
    const Right gradients = pack(dy, block.count, s.valueSize, head.vRow, false, packed);
    const bool adds = block.first > 0;
    multiply({parts.dropped, 1, block.keys}, gradients, {args.dv + head.v, head.vRow, adds}, block.keys,
        block.count, s.valueSize);
    attentionScoreGradients(
        {parts.probabilities, parts.scoreGradients, block.keys, block.values(s, head), y, dy, s.scale});
    float* dq = args.dq + head.q + block.first * head.qRow;
    multiply({parts.scoreGradients, block.keys, 1}, parts.keys, {dq, head.qRow, false}, block.count,
        block.keys, s.size);
    packed = parts.packedQueries;
    const Right queries = pack(q, block.count, s.size, head.qRow, false, packed);
    multiply({parts.scoreGradients, 1, block.keys}, queries, {args.dk + head.k, head.qRow, adds}, block.keys,
        block.count, s.size);
}

void gradientOfHead(const AttentionShape& s, const AttentionGradArgs& args, int64_t unit)
{
    Head head(s, unit);
    float* scratch = args.in.scratch;
    makeBias(s, args.in, head, scratch);
    GradientParts parts{};
    parts.keysTransposed = pack(args.in.k + head.k, s.size, s.keys, head.qRow, true, scratch);
    parts.valuesTransposed = pack(args.in.v + head.v, s.valueSize, s.keys, head.vRow, true, scratch);
    parts.keys = pack(args.in.k + head.k, s.keys, s.size, head.qRow, false, scratch);
    const auto take = [&](int64_t floats) { return std::exchange(scratch, scratch + floats); };
    parts.packedQueries = take(gemmPackedSize(queryBlock, s.size));
    parts.packedGradients = take(gemmPackedSize(queryBlock, s.valueSize));
    parts.probabilities = take(queryBlock * s.keys);
    parts.dropped = s.rate > 0 ? take(queryBlock * s.keys) : parts.probabilities;
    parts.scoreGradients = take(queryBlock * s.keys);
    for (int64_t j = Block(s, 0).keys; j < s.keys; ++j) { // the first block writes the others, later ones add
        std::fill_n(args.dk + head.k + j * head.qRow, s.size, 0.0F);
        std::fill_n(args.dv + head.v + j * head.vRow, s.valueSize, 0.0F);
    }
    for (int64_t first = 0; first < s.queries; first += queryBlock)
        gradientOfBlock(s, args, head, Block(s, first), parts);
}

} // namespace

int64_t attentionUnits(const AttentionShape& shape)
{
    return shape.batch * shape.heads;
}

int64_t attentionScratch(const AttentionShape& s)
{
    return s.keys + gemmPackedSize(s.size, s.keys) + gemmPackedSize(s.keys, s.valueSize) +
           queryBlock * (s.keys + 1);
}

int64_t attentionGradScratch(const AttentionShape& s)
{
    return s.keys + gemmPackedSize(s.size, s.keys) + gemmPackedSize(s.valueSize, s.keys) +
           gemmPackedSize(s.keys, s.size) + gemmPackedSize(queryBlock, s.size) +
           gemmPackedSize(queryBlock, s.valueSize) + (s.rate > 0 ? 3 : 2) * queryBlock * s.keys;
}

void attention(const AttentionShape& shape, const AttentionArgs& args, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; ++unit)
        attentionOfHead(shape, args, unit);
}

void attentionGrad(const AttentionShape& shape, const AttentionGradArgs& args, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; ++unit)
        gradientOfHead(shape, args, unit);
}

} // namespace gradloom::cpu
