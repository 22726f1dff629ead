#include "engine/compile/plan.h"
#include "engine/ir/op_type.h"

#include <algorithm>

namespace gradloom::compile {

using ir::noValue;
using ir::Op;
using ir::Program;
using ir::ValueId;

namespace {

/// A "pointwise" operation and what surrounds it: rows that are gathered for it and put back behind it.
struct RowUpdate
{
    ValueId rows = noValue;
    std::vector<ValueId> results;    ///< whole tables behind the change
    std::vector<ValueId> tables;     ///< before it: those of the results, then others that are read
    std::vector<ValueId> values;     ///< operands that are no rows of tables
    std::vector<int32_t> newOperand; ///< of the pointwise operation: number among `tables` and `values`
    std::vector<size_t> replaced;    ///< operations that put rows back
};

class RowUpdates
{
public:
    explicit RowUpdates(const Program& program)
        : m_program(program), m_producer(ir::producers(program)), m_uses(ir::useCounts(program))
    {
    }

    /// Empty results where `op` is not of this kind.
    RowUpdate find(const Op& op) const
    {
        RowUpdate update;
        if (op.type->id != "pointwise" || !findResults(op, update) || !findOperands(op, update))
            return {};
        return update;
    }

private:
    static size_t at(ValueId id) { return static_cast<size_t>(id); }

    /// The operation that puts rows back as they are and is the only reader of `id`; -1 for none.
    int64_t putBack(ValueId id) const
    {
        if (m_uses[at(id)] != 1)
            return -1;
        for (size_t i = 0; i < m_program.ops.size(); ++i) {
            const Op& op = m_program.ops[i];
            if (op.type->id == "pointwise_rows" && op.inputs.size() == 3 && op.inputs[2] == id &&
                op.code.instructions.size() == 1 && op.code.instructions[0].fn == "copy")
                return static_cast<int64_t>(i);
        }
        return -1;
    }

    bool findResults(const Op& op, RowUpdate& update) const
    {
        for (const ValueId id : op.outputs) {
            const int64_t index = putBack(id);
            if (index < 0)
                return false;
            const Op& back = m_program.ops[static_cast<size_t>(index)];
            if (update.rows != noValue && update.rows != back.inputs[0])
                return false;
            update.rows = back.inputs[0];
            update.tables.push_back(back.inputs[1]);
            update.results.push_back(back.outputs[0]);
            update.replaced.push_back(static_cast<size_t>(index));
        }
        return !op.outputs.empty();
    }

    /// The table whose rows `id` are, noValue where it is something else.
    ValueId tableOf(ValueId id, ValueId rows) const
    {
        if (m_producer[at(id)] < 0)
            return noValue;
        const Op& op = m_program.ops[at(m_producer[at(id)])];
        return op.type->id == "gather" && op.inputs[1] == rows && op.outputs[0] == id ? op.inputs[0]
                                                                                      : noValue;
    }

    bool findOperands(const Op& op, RowUpdate& update) const
    {
        std::vector<ValueId> table;
        for (const ValueId id : op.inputs) {
            table.push_back(tableOf(id, update.rows));
            if (table.back() != noValue &&
                std::find(update.tables.begin(), update.tables.end(), table.back()) == update.tables.end())
                update.tables.push_back(table.back());
        }
        const int64_t elements = m_program.typeOf(op.outputs[0]).shape.elements();
        for (size_t i = 0; i < op.inputs.size(); ++i) {
            if (table[i] != noValue) {
                const auto place = std::find(update.tables.begin(), update.tables.end(), table[i]);
                update.newOperand.push_back(static_cast<int32_t>(place - update.tables.begin()));
                continue;
            }
            const int64_t size = m_program.typeOf(op.inputs[i]).shape.elements();
            if (size != 1 && size != elements) // a repeating vector
                return false;
            update.newOperand.push_back(static_cast<int32_t>(update.tables.size() + update.values.size()));
            update.values.push_back(op.inputs[i]);
        }
        return true;
    }

    const Program& m_program;
    std::vector<int32_t> m_producer;
    std::vector<int32_t> m_uses;
};

Op fuse(const Op& op, const RowUpdate& update)
{
    Op fused;
    fused.type = ir::opTypes().find("pointwise_rows");
    fused.node = op.node;
    fused.inputs = {update.rows};
    fused.inputs.insert(fused.inputs.end(), update.tables.begin(), update.tables.end());
    fused.inputs.insert(fused.inputs.end(), update.values.begin(), update.values.end());
    fused.outputs = update.results;
    fused.attributes = {{"results", static_cast<int64_t>(update.results.size())},
        {"tables", static_cast<int64_t>(update.tables.size())}};
    fused.code = op.code;
    const auto before = static_cast<int32_t>(op.inputs.size());
    const auto now = static_cast<int32_t>(update.tables.size() + update.values.size());
    const auto renumber = [&](int32_t& operand) {
        if (operand >= 0)
            operand =
                operand < before ? update.newOperand[static_cast<size_t>(operand)] : operand - before + now;
    };
    for (ir::PointwiseInstruction& step : fused.code.instructions) {
        renumber(step.a);
        renumber(step.b);
    }
    for (int32_t& output : fused.code.outputs)
        renumber(output);
    return fused;
}

} // namespace

void fuseRowUpdates(Program& program)
{
    const RowUpdates updates(program);
    std::vector<bool> dead(program.ops.size(), false);
    std::vector<Op> fused(program.ops);
    for (size_t i = 0; i < program.ops.size(); ++i) {
        const RowUpdate update = updates.find(program.ops[i]);
        if (update.results.empty())
            continue;
        fused[i] = fuse(program.ops[i], update);
        for (const size_t index : update.replaced)
            dead[index] = true;
    }
    program.ops.clear();
    for (size_t i = 0; i < fused.size(); ++i)
        if (!dead[i])
            program.ops.push_back(std::move(fused[i]));
}

} // namespace gradloom::compile
