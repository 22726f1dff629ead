#include "engine/compile/plan.h"

#include "engine/ir/op_type.h"

#include <algorithm>
#include <numeric>

namespace gradloom::compile {

using ir::noValue;
using ir::Op;
using ir::Program;
using ir::Segment;
using ir::ValueId;

namespace {

constexpr int64_t alignment = 64;

size_t at(ValueId id)
{
    return static_cast<size_t>(id);
}

bool isSum(const Op& op)
{
    return op.type->id == "sum_over_devices";
}

/// Gives every value its place. Values that share memory (reshapes, results in place, packed parts, updates) are
/// members of one block; blocks get offsets by best fit on their lifetimes.
class Planner
{
public:
    explicit Planner(Plan& plan)
        : m_plan(plan), m_program(plan.program), m_producers(ir::producers(plan.program))
    {
        makeBlocks();
        findLifetimes();
        packConcats();
        placeUpdates();
        reuseOperands();
        assignOffsets();
    }

private:
    struct Block
    {
        int64_t bytes = 0;
        int64_t first = 0; ///< operation that writes it, -1 for inputs
        int64_t last = 0;  ///< last operation that reads it
        bool pinned = false; ///< inputs and named outputs: nothing else may use this memory
        bool fixed = false;  ///< outside the arena
        Location place;
        ValueId merged = noValue; ///< block this one is part of
        int64_t mergedOffset = 0;
    };

    Block& block(ValueId id) { return m_blocks[at(m_root[at(id)])]; }

    /// Follows merges: the final block and the offset in it.
    std::pair<ValueId, int64_t> resolve(ValueId id) const
    {
        ValueId root = m_root[at(id)];
        int64_t offset = 0;
        while (m_blocks[at(root)].merged != noValue) {
            offset += m_blocks[at(root)].mergedOffset;
            root = m_blocks[at(root)].merged;
        }
        return {root, offset};
    }

    void makeBlocks()
    {
        m_root.resize(m_program.values.size());
        std::iota(m_root.begin(), m_root.end(), 0);
        for (const Op& op : m_program.ops)
            if (op.type->alias)
                m_root[at(op.outputs[0])] = m_root[at(op.inputs[0])];
        m_blocks.resize(m_program.values.size());
        for (size_t i = 0; i < m_blocks.size(); ++i) {
            const ir::Value& value = m_program.values[i];
            Block& b = m_blocks[i];
            b.bytes = value.type.bytes();
            b.first = -1;
            b.last = -1;
            b.pinned = value.input;
            b.fixed = value.segment != Segment::Arena;
            b.place = {value.segment, value.offset * sizeOf(value.type.dtype)};
        }
    }

    void findLifetimes()
    {
        const auto end = static_cast<int64_t>(m_program.ops.size());
        for (int64_t i = 0; i < end; ++i) {
            const Op& op = m_program.ops[static_cast<size_t>(i)];
            for (ValueId id : op.inputs)
                if (id != noValue)
                    block(id).last = i;
            for (ValueId id : op.outputs) {
                if (!op.type->alias)
                    block(id).first = i;
                block(id).last = std::max(block(id).last, i);
            }
        }
        for (Block& b : m_blocks)
            if (b.pinned) {
                b.first = -1;
                b.last = end;
            }
        for (const auto& [name, id] : m_program.outputs) {
            block(id).pinned = true;
            block(id).last = end;
        }
        for (const auto& update : m_program.updates)
            block(update.source).last = end;
    }

    /// Joins block `part` to `whole` at an offset.
    void merge(ValueId part, ValueId whole, int64_t offset)
    {
        Block& a = m_blocks[at(part)];
        Block& b = m_blocks[at(whole)];
        a.merged = whole;
        a.mergedOffset = offset;
        b.first = std::min(a.first, b.first);
        b.last = std::max(a.last, b.last);
        b.pinned = b.pinned || a.pinned;
    }

    bool isPlainArena(ValueId root) const
    {
        const Block& b = m_blocks[at(root)];
        return !b.fixed && b.merged == noValue && !m_program[root].input;
    }

    /// What devices add up lies in the step's own memory.
    bool isMadeBySum(ValueId root) const
    {
        const int32_t from = m_producers[at(root)];
        return from >= 0 && isSum(m_program.ops[at(from)]);
    }

    /// Parts of a concatenation along the first axis are written where the whole will be, which may be in the model's
    /// memory.
    void packConcats()
    {
        for (const Op& op : m_program.ops) {
            if (op.type->id != "concat" || op.attributes.integer("axis") != 0)
                continue;
            int64_t offset = 0;
            for (ValueId id : op.inputs) {
                const ValueId root = m_root[at(id)];
                const int64_t bytes = m_program.typeOf(id).bytes();
                if (isPlainArena(root) && !isMadeBySum(root) && m_blocks[at(root)].bytes == bytes &&
                    root != op.outputs[0])
                    merge(root, m_root[at(op.outputs[0])], offset);
                offset += bytes;
            }
        }
    }

    bool overlaps(const ir::Value& a, const ir::Value& b) const
    {
        return a.segment == b.segment && a.offset < b.offset + b.type.shape.elements() &&
            b.offset < a.offset + a.type.shape.elements();
    }

    /// Whether `source` may be written straight to `target`: nothing reads the old contents from operation `first`
    /// on, which writes its first bytes, except `producer`, which writes the last ones, where it overwrites.
    bool canWriteThrough(const ir::Update& update, size_t first, size_t producer) const
    {
        const ir::Value& target = m_program[update.target];
        const auto& made = m_program.ops[producer].outputs;
        const auto result =
            static_cast<size_t>(std::find(made.begin(), made.end(), m_root[at(update.source)]) - made.begin());
        for (size_t i = first; i < m_program.ops.size(); ++i) {
            const Op& op = m_program.ops[i];
            for (size_t k = 0; k < op.inputs.size(); ++k) {
                const ValueId id = op.inputs[k];
                if (id == noValue || m_program[m_root[at(id)]].segment == Segment::Arena)
                    continue;
                if (!overlaps(m_program[m_root[at(id)]], target))
                    continue;
                const bool sameElement = i == producer && op.type->mayOverwrite(k, result) && id == update.target &&
                    m_program.typeOf(id).shape.elements() == m_program.typeOf(update.source).shape.elements();
                if (!sameElement)
                    return false;
            }
        }
        return true;
    }

    void placeUpdates()
    {
        for (const auto& update : m_program.updates) {
            const ValueId root = m_root[at(update.source)];
            const int32_t from = m_producers[at(root)];
            const bool possible = from >= 0 && !isMadeBySum(root) && isPlainArena(root) && !m_blocks[at(root)].pinned &&
                m_blocks[at(root)].bytes == m_program.typeOf(update.target).bytes() &&
                canWriteThrough(update, static_cast<size_t>(std::min<int64_t>(from, m_blocks[at(root)].first)),
                    static_cast<size_t>(from));
            if (!possible) {
                m_plan.copies.push_back(update);
                continue;
            }
            m_blocks[at(root)].fixed = true;
            m_blocks[at(root)].place = m_blocks[at(update.target)].place;
        }
    }

    bool mayOverwrite(const Op& op, size_t operand, int64_t index, int64_t bytes)
    {
        const ValueId id = op.inputs[operand];
        if (id == noValue || m_program.typeOf(id).bytes() != bytes)
            return false;
        // The block must end here, also through every alias of it, and hold nothing else.
        const auto [root, offset] = resolve(id);
        return isPlainArena(root) && !m_blocks[at(root)].pinned && offset == 0 && m_blocks[at(root)].bytes == bytes &&
            m_blocks[at(root)].last == index && m_root[at(id)] == root;
    }

    /// Results that may overwrite an operand which is not read afterwards do so.
    void reuseOperands()
    {
        for (size_t i = 0; i < m_program.ops.size(); ++i) {
            const Op& op = m_program.ops[i];
            if (!op.type->elementwise && op.type->inPlace < 0)
                continue;
            std::vector<bool> taken(op.inputs.size(), false);
            const size_t results = op.type->elementwise || op.type->inPlaceEach ? op.outputs.size() : 1;
            for (size_t r = 0; r < results; ++r) {
                const ValueId result = m_root[at(op.outputs[r])];
                if (!isPlainArena(result))
                    continue;
                for (size_t k = 0; k < op.inputs.size(); ++k) {
                    if (taken[k] || !op.type->mayOverwrite(k, r) ||
                        !mayOverwrite(op, k, static_cast<int64_t>(i), m_blocks[at(result)].bytes))
                        continue;
                    // The same operand may stand in several places; all of them are taken.
                    for (size_t other = 0; other < op.inputs.size(); ++other)
                        taken[other] = taken[other] ||
                            (op.inputs[other] != noValue && m_root[at(op.inputs[other])] == m_root[at(op.inputs[k])]);
                    merge(result, m_root[at(op.inputs[k])], 0);
                    break;
                }
            }
        }
    }

    void assignOffsets()
    {
        std::vector<ValueId> order;
        for (size_t i = 0; i < m_blocks.size(); ++i) {
            const Block& b = m_blocks[i];
            if (b.merged == noValue && !b.fixed && m_root[i] == static_cast<ValueId>(i) && (b.last >= 0 || b.pinned))
                order.push_back(static_cast<ValueId>(i));
        }
        std::stable_sort(order.begin(), order.end(),
            [&](ValueId a, ValueId b) { return m_blocks[at(a)].bytes > m_blocks[at(b)].bytes; });
        std::vector<ValueId> placed; // by offset
        for (ValueId id : order) {
            Block& b = m_blocks[at(id)];
            int64_t offset = 0;
            for (ValueId other : placed) {
                const Block& o = m_blocks[at(other)];
                if (o.last < b.first || b.last < o.first)
                    continue;
                if (o.place.offset >= offset + b.bytes)
                    break;
                offset = std::max(offset, (o.place.offset + o.bytes + alignment - 1) / alignment * alignment);
            }
            b.place = {Segment::Arena, offset};
            m_plan.arenaBytes = std::max(m_plan.arenaBytes, offset + b.bytes);
            placed.insert(std::upper_bound(placed.begin(), placed.end(), id,
                              [&](ValueId x, ValueId y) {
                                  return m_blocks[at(x)].place.offset < m_blocks[at(y)].place.offset;
                              }),
                id);
        }
        m_plan.locations.resize(m_program.values.size());
        for (size_t i = 0; i < m_program.values.size(); ++i) {
            const auto [root, offset] = resolve(static_cast<ValueId>(i));
            m_plan.locations[i] = m_blocks[at(root)].place;
            m_plan.locations[i].offset += offset;
        }
    }

    Plan& m_plan;
    const Program& m_program;
    const std::vector<int32_t> m_producers; ///< operation by value, -1 for none
    std::vector<ValueId> m_root; ///< value that owns the memory: itself, or what a reshape looks at
    std::vector<Block> m_blocks;
};

} // namespace

Plan plan(ir::Program program, const PlanOptions& options)
{
    removeDeadCode(program);
    foldScales(program);
    fuseActivations(program);
    sinkMasksBelowPooling(program);
    maskByDropout(program);
    skipAbsentRows(program);
    if (options.convolutionStatistics)
        fuseStatistics(program);
    if (options.joinsGradients)
        joinGradients(program, options.joinsGradients);
    fusePointwise(program);
    fuseRowUpdates(program);
    removeDeadCode(program);
    Plan result;
    result.program = std::move(program);
    for (size_t i = 0; i < result.program.ops.size(); ++i)
        if (isSum(result.program.ops[i]))
            result.sums.push_back(i);
    Planner{result};
    return result;
}

std::string fusionOf(const ir::Program& program, const Op& op)
{
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
    for (const ir::PointwiseInstruction& instruction : op.code.instructions)
        add(instruction.fn);
    const bool product = op.type->id == "gemm" || op.type->id.starts_with("conv2d");
    if (product && op.inputs.size() > 2 && op.inputs[2] != noValue && program.typeOf(op.inputs[2]).shape.rank() == 1)
        add("bias");
    if (const std::string activation = op.attributes.textOr("activation", "none"); activation != "none")
        add(activation);
    if (op.type->id == "conv2d_weights_gradient" && op.outputs.size() > 2)
        add("input gradient");
    if (op.attributes.has("statistics"))
        add("statistics");
    return text;
}

} // namespace gradloom::compile
