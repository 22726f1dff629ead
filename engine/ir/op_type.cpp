#include "engine/ir/op_type.h"

namespace gradloom::ir {

std::vector<OpType> allOpTypes();

const Registry<OpType>& opTypes()
{
    static const Registry<OpType> registry(allOpTypes());
    return registry;
}

int64_t flopsOf(const Program& program, const Op& op)
{
    Types inputs;
    Types outputs;
    for (ValueId id : op.inputs)
        inputs.push_back(id == noValue ? TensorType{} : program.typeOf(id));
    for (ValueId id : op.outputs)
        outputs.push_back(program.typeOf(id));
    if (op.type->alias)
        return 0;
    if (op.type->flops)
        return op.type->flops(inputs, outputs, op.attributes);
    return outputs.empty() ? 0 : outputs[0].shape.elements();
}

} // namespace gradloom::ir
