#include "engine/ir/op_type.h"

namespace gradloom::ir {

std::vector<OpType> allOpTypes();

const Registry<OpType>& opTypes()
{
    static const Registry<OpType> registry(allOpTypes());
    return registry;
}

namespace {

/// Of operands or results; an absent one has no type.
Types typesOf(const Program& program, const std::vector<ValueId>& ids)
{
    Types types;
    for (ValueId id : ids)
        types.push_back(id == noValue ? TensorType{} : program.typeOf(id));
    return types;
}

} // namespace

int64_t flopsOf(const Program& program, const Op& op)
{
    if (op.type->alias)
        return 0;
    const Types outputs = typesOf(program, op.outputs);
    if (op.type->flops)
        return op.type->flops(typesOf(program, op.inputs), outputs, op.attributes);
    return outputs.empty() ? 0 : outputs[0].shape.elements();
}

int64_t bytesOf(const Program& program, const Op& op)
{
    if (op.type->alias)
        return 0;
    if (op.type->bytes)
        return op.type->bytes(typesOf(program, op.inputs), typesOf(program, op.outputs));
    int64_t sum = 0;
    for (const auto* ids : {&op.inputs, &op.outputs})
        for (const ValueId id : *ids)
            sum += id == noValue ? 0 : program.typeOf(id).bytes();
    return sum;
}

} // namespace gradloom::ir
