#include "engine/train/random_inputs.h"

#include "engine/base/philox.h"
#include "engine/ir/op_type.h"

#include <algorithm>
#include <limits>

namespace gradloom::train {

namespace {

/// Whole numbers that an input may hold: 0 .. count - 1, of which `padding` stands for nothing.
struct Tokens
{
    int64_t count = std::numeric_limits<int32_t>::max();
    int64_t padding = -1;
};

/// What an operation that reads whole numbers takes them for; 0 where it takes any.
int64_t tokensKnownTo(const ir::Program& program, const ir::Op& op)
{
    const std::string& id = op.type->id;
    if (id == "gather")
        return program.typeOf(op.inputs[0]).shape[0];
    if (id == "unique")
        return op.attributes.integer("rows");
    if (id == "softmax_cross_entropy" || id == "top_k_correct")
        return program.typeOf(op.inputs[0]).shape[-1];
    return id == "one_hot" ? program.typeOf(op.outputs[0]).shape[-1] : 0;
}

/// What all readers of `value` know, also behind operations that only look at it in another shape.
void narrow(Tokens& tokens, const ir::Program& program, ir::ValueId value)
{
    for (const ir::Op& op : program.ops) {
        if (std::find(op.inputs.begin(), op.inputs.end(), value) == op.inputs.end())
            continue;
        if (op.type->alias)
            narrow(tokens, program, op.outputs[0]);
        if (const int64_t known = tokensKnownTo(program, op); known > 0)
            tokens.count = std::min(tokens.count, known);
        if (op.type->id == "gather" || op.type->id == "unique")
            tokens.padding = std::max(tokens.padding, op.attributes.integer("padding"));
    }
}

void fillTokens(std::span<int32_t> values, const Tokens& tokens, Random& random)
{
    const bool padded = tokens.padding >= 0 && tokens.padding < tokens.count && tokens.count > 1;
    for (int32_t& value : values) {
        value = static_cast<int32_t>(random.below(static_cast<uint32_t>(tokens.count - (padded ? 1 : 0))));
        if (padded && value >= tokens.padding)
            ++value;
    }
}

} // namespace

void writeRandomInputs(LoadedProgram& program, uint64_t seed)
{
    Random random(seed);
    const ir::Program& operations = program.program();
    for (size_t i = 0; i < operations.values.size(); ++i) {
        const ir::Value& value = operations.values[i];
        if (!value.input || !program.inputType(value.name))
            continue;
        Tensor tensor(value.type.shape, value.type.dtype);
        if (value.type.dtype == DType::I32) {
            Tokens tokens;
            narrow(tokens, operations, static_cast<ir::ValueId>(i));
            fillTokens(tensor.as<int32_t>(), tokens, random);
        } else if (value.name == "weights" || value.name == "filled" || value.name == "step") {
            std::fill(tensor.floats().begin(), tensor.floats().end(), 1.0F);
        } else if (value.name != "changes") { // zeros: every picture is its first pixel
            for (float& number : tensor.floats())
                number = random.uniform();
        }
        program.write(value.name, tensor);
    }
    program.write("learning_rate", 1e-6F);
}

} // namespace gradloom::train
