#include "engine/compile/plan.h"
#include "engine/ir/op_type.h"

#include <algorithm>
#include <set>

namespace gradloom::compile {

using ir::noValue;
using ir::Op;
using ir::Program;
using ir::ValueId;

namespace {

// Inputs and instructions of one fused operation; backends keep each in a register.
constexpr size_t maxOperands = 30;

size_t at(ValueId id)
{
    return static_cast<size_t>(id);
}

bool isPointwise(const Op& op)
{
    return op.type->id == "unary" || op.type->id == "binary";
}

/// Finds which operations run together. A group runs at the place of its last member, so whatever reads an earlier
/// member's result from outside must come later.
class Grouping
{
public:
    explicit Grouping(const Program& program) : m_program(program), m_producer(ir::producers(program))
    {
        m_readers.resize(program.values.size());
        for (size_t i = 0; i < program.ops.size(); ++i)
            for (ValueId id : program.ops[i].inputs)
                if (id != noValue)
                    m_readers[at(id)].push_back(i);
        m_group.resize(program.ops.size());
        for (size_t i = 0; i < program.ops.size(); ++i)
            m_group[i] = {i};
        m_groupOf.resize(program.ops.size());
        for (size_t i = 0; i < program.ops.size(); ++i) {
            m_groupOf[i] = i;
            if (isPointwise(program.ops[i]))
                growAt(i);
        }
    }

    /// Members in order where operation `i` is the last of its group.
    const std::vector<size_t>& membersAt(size_t i) const { return m_group[i]; }

private:
    const TensorType& resultOf(size_t op) const { return m_program.typeOf(m_program.ops[op].outputs[0]); }

    void growAt(size_t i)
    {
        for (ValueId id : m_program.ops[i].inputs) {
            const int32_t from = m_producer[at(id)];
            if (from < 0 || !isPointwise(m_program.ops[at(from)]))
                continue;
            const size_t other = m_groupOf[at(from)];
            if (other == i || !(resultOf(other).shape == resultOf(i).shape))
                continue;
            std::vector<size_t> merged = m_group[other];
            merged.insert(merged.end(), m_group[i].begin(), m_group[i].end());
            std::sort(merged.begin(), merged.end());
            if (!allowed(merged, i))
                continue;
            for (size_t member : merged)
                m_groupOf[member] = i;
            m_group[other].clear();
            m_group[i] = std::move(merged);
        }
    }

    bool allowed(const std::vector<size_t>& members, size_t last) const
    {
        const std::set<size_t> inside(members.begin(), members.end());
        std::set<ValueId> inputs;
        int64_t period = 0;
        const int64_t elements = resultOf(last).shape.elements();
        for (size_t member : members) {
            for (size_t reader : m_readers[at(m_program.ops[member].outputs[0])])
                if (!inside.contains(reader) && reader <= last)
                    return false;
            for (ValueId id : m_program.ops[member].inputs) {
                if (m_producer[at(id)] >= 0 && inside.contains(at(m_producer[at(id)])))
                    continue;
                inputs.insert(id);
                const int64_t size = m_program.typeOf(id).shape.elements();
                if (size == 1 || size == elements)
                    continue;
                if (period != 0 && period != size) // one repeating length a pass
                    return false;
                period = size;
            }
        }
        return inputs.size() + members.size() <= maxOperands;
    }

    const Program& m_program;
    std::vector<int32_t> m_producer;
    std::vector<std::vector<size_t>> m_readers;
    std::vector<std::vector<size_t>> m_group; ///< by last member
    std::vector<size_t> m_groupOf;
};

/// One operation from the members of a group.
Op fuse(const Program& program, const std::vector<size_t>& members, const std::vector<bool>& keep)
{
    Op fused;
    fused.type = ir::opTypes().find("pointwise");
    fused.node = program.ops[members.back()].node;
    std::vector<ValueId> made;
    for (size_t member : members)
        made.push_back(program.ops[member].outputs[0]);
    for (size_t member : members)
        for (ValueId id : program.ops[member].inputs)
            if (std::find(made.begin(), made.end(), id) == made.end() &&
                std::find(fused.inputs.begin(), fused.inputs.end(), id) == fused.inputs.end())
                fused.inputs.push_back(id);
    const auto operand = [&](ValueId id) {
        const auto input = std::find(fused.inputs.begin(), fused.inputs.end(), id);
        if (input != fused.inputs.end())
            return static_cast<int32_t>(input - fused.inputs.begin());
        const auto result = std::find(made.begin(), made.end(), id);
        return static_cast<int32_t>(fused.inputs.size()) + static_cast<int32_t>(result - made.begin());
    };
    for (size_t member : members) {
        const Op& op = program.ops[member];
        ir::PointwiseInstruction step;
        step.fn = op.attributes.text("fn");
        step.a = operand(op.inputs[0]);
        step.b = op.inputs.size() > 1 ? operand(op.inputs[1]) : -1;
        step.alpha = op.attributes.realOr("alpha", 0);
        fused.code.instructions.push_back(std::move(step));
        if (keep[at(op.outputs[0])]) {
            fused.outputs.push_back(op.outputs[0]);
            fused.code.outputs.push_back(operand(op.outputs[0]));
        }
    }
    const Shape& shape = program.typeOf(made.back()).shape;
    fused.attributes = {{"shape", shape.toVector()}, {"results", static_cast<int64_t>(fused.outputs.size())}};
    return fused;
}

/// Values that something outside the group of their producer reads.
std::vector<bool> readOutside(const Program& program, const Grouping& grouping)
{
    std::vector<size_t> groupOf(program.ops.size());
    for (size_t i = 0; i < program.ops.size(); ++i)
        for (size_t member : grouping.membersAt(i))
            groupOf[member] = i;
    const auto producer = ir::producers(program);
    std::vector<bool> keep(program.values.size(), false);
    for (size_t i = 0; i < program.ops.size(); ++i)
        for (ValueId id : program.ops[i].inputs)
            if (id != noValue && producer[at(id)] >= 0 && groupOf[at(producer[at(id)])] != groupOf[i])
                keep[at(id)] = true;
    for (const auto& update : program.updates)
        keep[at(update.source)] = true;
    for (const auto& [name, id] : program.outputs)
        keep[at(id)] = true;
    return keep;
}

} // namespace

void fusePointwise(Program& program)
{
    const Grouping grouping(program);
    const auto keep = readOutside(program, grouping);
    std::vector<Op> ops;
    for (size_t i = 0; i < program.ops.size(); ++i) {
        const auto& members = grouping.membersAt(i);
        if (members.size() > 1)
            ops.push_back(fuse(program, members, keep));
        else if (members.size() == 1)
            ops.push_back(program.ops[i]);
    }
    program.ops = std::move(ops);
}

} // namespace gradloom::compile
