#include "engine/ir/program.h"

#include "engine/ir/op_type.h"

namespace gradloom::ir {

ValueId Program::find(const std::string& name) const
{
    for (size_t i = 0; i < values.size(); ++i)
        if (values[i].name == name)
            return static_cast<ValueId>(i);
    return noValue;
}

namespace {

std::string operandName(const Program& program, ValueId id)
{
    if (id == noValue)
        return "-";
    const Value& value = program[id];
    return "%" + std::to_string(id) + (value.name.empty() ? "" : "(" + value.name + ")");
}

std::string codeText(const PointwiseCode& code, size_t inputs)
{
    std::string text;
    auto name = [&](int32_t operand) {
        const bool input = operand < static_cast<int32_t>(inputs);
        return (input ? "i" : "t") + std::to_string(input ? operand : operand - static_cast<int32_t>(inputs));
    };
    for (size_t i = 0; i < code.instructions.size(); ++i) {
        const auto& step = code.instructions[i];
        text += (i ? "; t" : "t") + std::to_string(i) + "=" + step.fn + " " + name(step.a);
        if (step.b >= 0)
            text += " " + name(step.b);
        if (step.alpha != 0)
            text += " " + formatParam(step.alpha);
    }
    return text;
}

} // namespace

std::string Program::toString() const
{
    std::string text;
    for (const Op& op : ops) {
        for (size_t i = 0; i < op.outputs.size(); ++i)
            text += (i ? ", %" : "%") + std::to_string(op.outputs[i]) + ":" + typeOf(op.outputs[i]).shape.toString();
        text += " = " + op.type->id + "(";
        for (size_t i = 0; i < op.inputs.size(); ++i)
            text += (i ? ", " : "") + operandName(*this, op.inputs[i]);
        text += ")";
        for (const auto& [key, value] : op.attributes)
            text += " " + key + "=" + formatParam(value);
        if (!op.code.instructions.empty())
            text += " {" + codeText(op.code, op.inputs.size()) + "}";
        text += op.node.empty() ? "\n" : "  # " + op.node + "\n";
    }
    for (const Update& update : updates)
        text += operandName(*this, update.target) + " <- " + operandName(*this, update.source) + "\n";
    return text;
}

std::vector<int32_t> producers(const Program& program)
{
    std::vector<int32_t> result(program.values.size(), -1);
    for (size_t i = 0; i < program.ops.size(); ++i)
        for (ValueId id : program.ops[i].outputs)
            result[static_cast<size_t>(id)] = static_cast<int32_t>(i);
    return result;
}

std::vector<int32_t> useCounts(const Program& program)
{
    std::vector<int32_t> result(program.values.size(), 0);
    for (const Op& op : program.ops)
        for (ValueId id : op.inputs)
            if (id != noValue)
                ++result[static_cast<size_t>(id)];
    for (const Update& update : program.updates)
        ++result[static_cast<size_t>(update.source)];
    for (const auto& [name, id] : program.outputs)
        ++result[static_cast<size_t>(id)];
    return result;
}

} // namespace gradloom::ir
