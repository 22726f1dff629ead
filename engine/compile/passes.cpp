#include "engine/compile/plan.h"
#include "engine/ir/op_type.h"

#include <algorithm>

namespace gradloom::compile {

using ir::noValue;
using ir::Op;
using ir::Program;
using ir::ValueId;

namespace {

size_t at(ValueId id)
{
    return static_cast<size_t>(id);
}

bool isFunction(const Op& op, const char* type, const char* fn)
{
    return op.type->id == type && op.attributes.text("fn") == fn;
}

bool canActivate(const Op& op)
{
    const std::string& id = op.type->id;
    return id == "gemm" || id == "conv2d" || id == "conv2d_transpose" || id == "batch_norm";
}

void eraseOps(Program& program, const std::vector<bool>& dead)
{
    size_t kept = 0;
    for (size_t i = 0; i < program.ops.size(); ++i) {
        if (dead[i])
            continue;
        if (kept != i)
            program.ops[kept] = std::move(program.ops[i]);
        ++kept;
    }
    program.ops.resize(kept);
}

/// What the gradients of ReLUs mask.
class MaskedResults
{
public:
    explicit MaskedResults(Program& program)
        : m_program(program), m_producer(ir::producers(program)), m_uses(ir::useCounts(program))
    {
    }
    /// Of a ReLU's gradient the operation that makes what it masks, if that is of this type and nothing else reads
    /// it; nullptr otherwise.
    Op* source(const Op& mask, const char* type) const
    {
        if (!isFunction(mask, "binary", "relu_gradient"))
            return nullptr;
        const ValueId masked = mask.inputs[0];
        Op* found = m_uses[at(masked)] == 1 ? maker(masked) : nullptr;
        return found && found->type->id == type ? found : nullptr;
    }
    /// The operation that makes a value, nullptr for an input.
    Op* maker(ValueId id) const
    {
        const int32_t index = m_producer[at(id)];
        return index < 0 ? nullptr : &m_program.ops[at(index)];
    }

private:
    Program& m_program;
    std::vector<int32_t> m_producer;
    std::vector<int32_t> m_uses;
};

/// The dropout of `x` that drops what `other` drops; nullptr for none.
const Op* sameDropout(const Program& program, const Op& other, ValueId x)
{
    for (const Op& op : program.ops)
        if (op.type == other.type && op.inputs[0] == x && op.inputs[1] == other.inputs[1] &&
            op.attributes.integer("stream") == other.attributes.integer("stream") &&
            op.attributes.real("rate") == other.attributes.real("rate"))
            return &op;
    return nullptr;
}

/// Whether `op` makes the gradient of the input of the convolution whose weights' gradient `weights` makes.
bool isInputGradient(const Program& program, const Op& op, const Op& weights)
{
    if (op.type->id != "conv2d_transpose" || op.inputs[0] != weights.inputs[1] ||
        op.attributes.textOr("activation", "none") != "none" || (op.inputs.size() > 2 && op.inputs[2] != noValue))
        return false;
    const auto sameList = [&](const char* key) { return op.attributes.list(key) == weights.attributes.list(key); };
    return sameList("stride") && sameList("padding") && sameList("dilation") &&
           op.attributes.integerOr("groups", 1) == weights.attributes.integerOr("groups", 1) &&
           program.typeOf(op.outputs[0]).shape == program.typeOf(weights.inputs[0]).shape &&
           program.typeOf(op.inputs[1]).shape == program.typeOf(weights.outputs[0]).shape;
}

} // namespace

void fuseActivations(Program& program)
{
    const auto producer = ir::producers(program);
    const auto uses = ir::useCounts(program);
    std::vector<bool> dead(program.ops.size(), false);
    for (size_t i = 0; i < program.ops.size(); ++i) {
        const Op& op = program.ops[i];
        if (!isFunction(op, "unary", "relu"))
            continue;
        const ValueId before = op.inputs[0];
        if (producer[at(before)] < 0 || uses[at(before)] != 1)
            continue;
        Op& source = program.ops[at(producer[at(before)])];
        if (!canActivate(source) || source.outputs[0] != before || source.attributes.textOr("activation", "none") != "none")
            continue;
        source.attributes.set("activation", std::string("relu"));
        source.outputs[0] = op.outputs[0];
        dead[i] = true;
    }
    eraseOps(program, dead);
}

void removeDeadCode(Program& program)
{
    std::vector<bool> needed(program.values.size(), false);
    for (const auto& update : program.updates)
        needed[at(update.source)] = true;
    for (const auto& [name, id] : program.outputs)
        needed[at(id)] = true;
    std::vector<bool> dead(program.ops.size(), false);
    for (size_t i = program.ops.size(); i-- > 0;) {
        const Op& op = program.ops[i];
        dead[i] = std::none_of(op.outputs.begin(), op.outputs.end(), [&](ValueId id) { return needed[at(id)]; });
        if (!dead[i])
            for (ValueId id : op.inputs)
                if (id != noValue)
                    needed[at(id)] = true;
    }
    eraseOps(program, dead);
}

void sinkMasksBelowPooling(Program& program)
{
    const MaskedResults results(program);
    std::vector<bool> dead(program.ops.size(), false);
    for (size_t i = 0; i < program.ops.size(); ++i) {
        const Op& mask = program.ops[i];
        Op* backward = results.source(mask, "max_pool2d_backward");
        if (!backward)
            continue;
        const Op& forward = *results.maker(backward->inputs[1]);
        // The winner passes the mask exactly when the pooled value is above zero.
        if (forward.inputs[0] != mask.inputs[1] || backward->inputs[2] != noValue)
            continue;
        backward->inputs[2] = forward.outputs[0];
        backward->outputs[0] = mask.outputs[0];
        dead[i] = true;
    }
    eraseOps(program, dead);
}

void maskByDropout(Program& program)
{
    const MaskedResults results(program);
    for (Op& mask : program.ops) {
        Op* backward = results.source(mask, "dropout");
        const Op* forward = backward ? sameDropout(program, *backward, mask.inputs[1]) : nullptr;
        if (!forward)
            continue;
        // The result is above zero exactly where the ReLU's is and nothing was dropped.
        const double scale = 1.0 / (1.0 - backward->attributes.real("rate"));
        backward->inputs = {backward->inputs[0], forward->outputs[0]};
        std::swap(backward->type, mask.type);
        std::swap(backward->attributes, mask.attributes);
        mask.type = ir::opTypes().find("unary");
        mask.inputs = {backward->outputs[0]};
        mask.attributes = {{"fn", std::string("scale")}, {"alpha", scale}};
    }
}

void joinGradients(Program& program, const std::function<bool(const Program& program, const Op& op)>& joins)
{
    const auto producer = ir::producers(program);
    std::vector<bool> dead(program.ops.size(), false);
    for (size_t i = 0; i < program.ops.size(); ++i) {
        Op& weights = program.ops[i];
        if (weights.type->id != "conv2d_weights_gradient" || weights.inputs.size() > 2)
            continue;
        size_t j = i + 1;
        while (j < program.ops.size() && (dead[j] || !isInputGradient(program, program.ops[j], weights)))
            ++j;
        if (j == program.ops.size() || !joins(program, weights))
            continue;
        const Op& input = program.ops[j];
        if (producer[at(input.inputs[1])] >= static_cast<int32_t>(i)) // the weights are not there yet
            continue;
        weights.inputs.push_back(input.inputs[1]);
        weights.outputs.push_back(input.outputs[0]);
        dead[j] = true;
    }
    eraseOps(program, dead);
}

void fuseStatistics(Program& program)
{
    const auto producer = ir::producers(program);
    for (Op& norm : program.ops) {
        if (norm.type->id != "batch_norm" || producer[at(norm.inputs[0])] < 0)
            continue;
        Op& source = program.ops[at(producer[at(norm.inputs[0])])];
        if (source.type->id != "conv2d" || source.attributes.has("statistics"))
            continue;
        const ValueId mean = norm.outputs[1];
        const ValueId variance = norm.outputs[2];
        source.attributes.set("statistics", true);
        source.outputs.insert(source.outputs.end(), {mean, variance});
        norm.inputs.insert(norm.inputs.end(), {mean, variance});
        norm.outputs.resize(1);
    }
}

} // namespace gradloom::compile
