#include "engine/ir/builder.h"

namespace gradloom::ir {

namespace {

/// Which values lie on a path from a target to the loss: only those need a gradient.
std::vector<bool> reachableFrom(const Program& program, std::span<const ValueId> targets)
{
    std::vector<bool> reached(program.values.size(), false);
    for (ValueId id : targets)
        reached[static_cast<size_t>(id)] = true;
    for (const Op& op : program.ops) {
        bool any = false;
        for (ValueId id : op.inputs)
            any = any || (id != noValue && reached[static_cast<size_t>(id)]);
        for (ValueId id : op.outputs)
            reached[static_cast<size_t>(id)] = reached[static_cast<size_t>(id)] || any;
    }
    return reached;
}

} // namespace

std::vector<ValueId> differentiate(Builder& builder, ValueId loss, std::span<const ValueId> targets)
{
    const std::vector<bool> reached = reachableFrom(builder.program(), targets);
    std::vector<ValueId> gradient(builder.program().values.size(), noValue);
    gradient[static_cast<size_t>(loss)] =
        builder.op("fill", {}, {{"shape", builder.shape(loss).toVector()}, {"value", 1.0}});

    // The adjoints are appended to the same list, so only the forward part is walked.
    const size_t forwardOps = builder.program().ops.size();
    for (size_t index = forwardOps; index-- > 0;) {
        const Op op = builder.program().ops[index]; // a copy: the list grows below
        std::vector<ValueId> outputGradients;
        bool any = false;
        for (ValueId id : op.outputs) {
            const ValueId g = static_cast<size_t>(id) < gradient.size() ? gradient[static_cast<size_t>(id)] : noValue;
            outputGradients.push_back(g);
            any = any || g != noValue;
        }
        std::vector<bool> wanted;
        bool anyWanted = false;
        for (ValueId id : op.inputs) {
            wanted.push_back(id != noValue && reached[static_cast<size_t>(id)]);
            anyWanted = anyWanted || wanted.back();
        }
        if (!any || !anyWanted)
            continue;
        if (!op.type->adjoint)
            throw NotDifferentiable(op);
        const std::string before = builder.setNode(op.node);
        const auto inputGradients = op.type->adjoint(builder, op, outputGradients, wanted);
        for (size_t i = 0; i < op.inputs.size(); ++i) {
            if (!wanted[i] || inputGradients[i] == noValue)
                continue;
            ValueId& sum = gradient[static_cast<size_t>(op.inputs[i])];
            sum = sum == noValue ? inputGradients[i] : builder.add(sum, inputGradients[i]);
        }
        builder.setNode(before);
    }
    std::vector<ValueId> result;
    for (ValueId id : targets)
        result.push_back(gradient[static_cast<size_t>(id)]);
    return result;
}

} // namespace gradloom::ir
