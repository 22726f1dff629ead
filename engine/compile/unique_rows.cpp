#include "engine/compile/plan.h"
#include "engine/ir/builder.h"
#include "engine/ir/op_type.h"

#include <map>
#include <set>

namespace gradloom::compile {

using ir::noValue;
using ir::Op;
using ir::Program;
using ir::ValueId;

namespace {

bool isRecurrent(const Op& op)
{
    return op.type->id == "rnn" || op.type->id == "lstm" || op.type->id == "gru";
}

/// Replaces the products of gathered rows by gathered products, in the order of the program.
class UniqueProducts
{
public:
    explicit UniqueProducts(ir::Builder& builder) : m_b(builder)
    {
        for (const auto& [name, id] : builder.program().outputs)
            m_watched.insert(id);
    }

    void run()
    {
        std::vector<Op> before;
        before.swap(m_b.program().ops);
        for (Op& op : before) {
            if (op.type->id == "gather")
                m_gathers.insert_or_assign(op.outputs[0], op);
            else if (isRecurrent(op) && op.inputs[1] != noValue)
                project(op);
            m_b.program().ops.push_back(std::move(op));
        }
    }

private:
    /// Whether less is multiplied than moved in addition: the product of each index is read and written once
    /// more. Short rows are multiplied as fast as that. Of the words of texts most repeat, however large the
    /// table; if none does, a step takes a few per cent longer.
    bool pays(const Op& gather) const
    {
        constexpr int64_t leastWidth = 16;
        return m_b.program().typeOf(gather.inputs[0]).shape[1] >= leastWidth;
    }

    void project(Op& op)
    {
        const auto found = m_gathers.find(op.inputs[0]);
        if (found == m_gathers.end() || m_watched.contains(op.inputs[0]) || !pays(found->second))
            return;
        const std::string before = m_b.setNode(op.node);
        const Rows& rows = uniqueRows(found->second);
        const ValueId product =
            m_b.op("gemm", {rows.different, op.inputs[1], noValue}, {{"trans_a", false}, {"trans_b", false}});
        op.inputs[0] = m_b.op("gather", {product, rows.places}, {{"padding", int64_t{-1}}});
        op.inputs[1] = noValue;
        m_b.setNode(before);
    }

    struct Rows
    {
        ValueId different; ///< rows of the table, each once
        ValueId places;    ///< of each index among them
    };

    const Rows& uniqueRows(const Op& gather)
    {
        if (const auto it = m_rows.find(gather.outputs[0]); it != m_rows.end())
            return it->second;
        const std::string before = m_b.setNode(gather.node);
        const int64_t rows = m_b.shape(gather.inputs[0])[0];
        const auto unique = m_b.ops("unique", {gather.inputs[1]},
            {{"rows", rows}, {"padding", gather.attributes.integer("padding")}});
        Params attributes = gather.attributes;
        attributes.set("padding", int64_t{-1});
        const ValueId different = m_b.op("gather", {gather.inputs[0], unique[0]}, attributes);
        m_b.setNode(before);
        return m_rows.emplace(gather.outputs[0], Rows{different, unique[1]}).first->second;
    }

    ir::Builder& m_b;
    std::set<ValueId> m_watched; ///< must keep its meaning: gradients are asked for
    std::map<ValueId, Op> m_gathers;
    std::map<ValueId, Rows> m_rows; ///< by the gathered rows
};

} // namespace

void multiplyUniqueRows(ir::Builder& builder)
{
    UniqueProducts(builder).run();
}

void skipAbsentRows(Program& program)
{
    std::map<ValueId, ValueId> listOf; ///< by places: the list of different indices
    std::set<ValueId> lists;
    std::map<ValueId, ValueId> rowsOf; ///< by matrix whose rows behind the list's last one are zero: the list
    for (Op& op : program.ops) {
        const std::string& id = op.type->id;
        if (id == "unique") {
            lists.insert(op.outputs[0]);
            listOf[op.outputs[1]] = op.outputs[0];
        } else if (id == "gather" && lists.contains(op.inputs[1])) {
            rowsOf[op.outputs[0]] = op.inputs[1];
        } else if (id == "gather_gradient" && listOf.contains(op.inputs[1])) {
            rowsOf[op.outputs[0]] = listOf.at(op.inputs[1]);
        } else if (id == "gemm" && op.inputs.size() == 3 && op.inputs[2] == noValue &&
                   rowsOf.contains(op.inputs[0])) {
            const ValueId list = rowsOf.at(op.inputs[0]);
            op.inputs.push_back(list);
            if (!op.attributes.flag("trans_a"))
                rowsOf[op.outputs[0]] = list;
        }
    }
}

} // namespace gradloom::compile
