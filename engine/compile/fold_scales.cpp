#include "engine/compile/plan.h"
#include "engine/ir/builder.h"

#include <map>

namespace gradloom::compile {

using ir::Builder;
using ir::noValue;
using ir::Op;
using ir::Program;
using ir::ValueId;

namespace {

/// A product whose result is only scaled and shifted, each channel by numbers of its own.
struct ScaledProduct
{
    size_t product = 0; ///< indices of operations
    size_t scaling = 0;
    size_t shifting = 0;
    ValueId scale = noValue; ///< {channels}
    ValueId shift = noValue;
};

class ScaledProducts
{
public:
    explicit ScaledProducts(const Program& program)
        : m_program(program), m_producer(ir::producers(program)), m_uses(ir::useCounts(program))
    {
    }

    /// What ends with operation `shifting`; its scale is noValue where there is nothing of this kind.
    ScaledProduct endingWith(size_t shifting) const
    {
        ScaledProduct found;
        found.shifting = shifting;
        int64_t before = 0;
        if (!split(shifting, "add", found.shift, before))
            return {};
        found.scaling = static_cast<size_t>(before);
        ValueId scale = noValue;
        if (!split(found.scaling, "mul", scale, before))
            return {};
        found.product = static_cast<size_t>(before);
        if (canFold(m_program.ops[found.product]))
            found.scale = scale;
        return found;
    }

private:
    static size_t at(ValueId id) { return static_cast<size_t>(id); }

    /// Of an operation fn(y, vector) with one number for each channel the vector, and the operation that
    /// makes y for nobody else.
    bool split(size_t index, const char* fn, ValueId& vector, int64_t& maker) const
    {
        const Op& op = m_program.ops[index];
        if (op.type->id != "binary" || op.attributes.text("fn") != fn)
            return false;
        for (size_t i = 0; i < 2; ++i) {
            const ValueId y = op.inputs[i];
            vector = op.inputs[1 - i];
            maker = m_producer[at(y)];
            const Shape& shape = m_program.typeOf(y).shape;
            if (maker >= 0 && m_uses[at(y)] == 1 && shape.rank() > 1 &&
                m_program.typeOf(vector).shape == Shape{shape[-1]})
                return true;
        }
        return false;
    }

    bool canFold(const Op& op) const
    {
        const std::string& id = op.type->id;
        const bool product = id == "gemm" || id == "conv2d" ||
                             (id == "conv2d_transpose" && op.attributes.integerOr("groups", 1) == 1);
        // The weights are scaled at every step, which must not take longer than scaling the result.
        return product && op.attributes.textOr("activation", "none") == "none" &&
               m_program.typeOf(op.inputs[1]).shape.elements() <=
                   m_program.typeOf(op.outputs[0]).shape.elements();
    }

    const Program& m_program;
    std::vector<int32_t> m_producer;
    std::vector<int32_t> m_uses;
};

/// The weights of a product, scaled so that each channel of the result is.
ValueId scaledWeights(Builder& b, const Op& product, ValueId scale)
{
    const ValueId weights = product.inputs[1];
    const Shape shape = b.shape(weights);
    const bool channelsLast =
        product.type->id == "conv2d" || (product.type->id == "gemm" && !product.attributes.flag("trans_b"));
    if (channelsLast)
        return b.mul(weights, scale);
    // The channels are the last dimension but one.
    const ValueId column = b.reshape(scale, Shape{shape[-2], 1});
    const Shape whole{shape[-2], shape[-1]};
    return b.mul(weights, b.op("broadcast", {column}, {{"shape", whole.toVector()}}));
}

/// Appends the product that gives what the shifting operation did.
void emitFolded(Builder& b, Op product, const Op& shifting, const ScaledProduct& fold)
{
    const std::string before = b.setNode(shifting.node);
    if (product.inputs.size() < 3)
        product.inputs.push_back(noValue);
    product.inputs[1] = scaledWeights(b, product, fold.scale);
    const ValueId bias = product.inputs[2];
    product.inputs[2] = bias == noValue ? fold.shift : b.add(b.mul(bias, fold.scale), fold.shift);
    product.outputs[0] = shifting.outputs[0];
    b.program().ops.push_back(std::move(product));
    b.setNode(before);
}

} // namespace

void foldScales(Program& program)
{
    const ScaledProducts products(program);
    std::map<size_t, ScaledProduct> folds; // by the last operation
    std::vector<bool> dead(program.ops.size(), false);
    for (size_t i = 0; i < program.ops.size(); ++i) {
        const ScaledProduct fold = products.endingWith(i);
        if (fold.scale == noValue)
            continue;
        folds.emplace(i, fold);
        dead[fold.product] = dead[fold.scaling] = true;
    }
    if (folds.empty())
        return;
    Builder b;
    b.program() = std::move(program);
    std::vector<Op> ops;
    ops.swap(b.program().ops);
    for (size_t i = 0; i < ops.size(); ++i) {
        if (const auto fold = folds.find(i); fold != folds.end())
            emitFolded(b, ops[fold->second.product], ops[i], fold->second);
        else if (!dead[i])
            b.program().ops.push_back(ops[i]);
    }
    program = std::move(b.program());
}

} // namespace gradloom::compile
