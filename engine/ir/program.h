#pragma once

#include "engine/base/param.h"
#include "engine/tensor/shape.h"

#include <map>
#include <string>
#include <vector>

namespace gradloom::ir {

struct OpType;

/// Index of a value in Program::values; noValue where there is none.
using ValueId = int32_t;
inline constexpr ValueId noValue = -1;

/// Where a value's memory lives. Arena values last for one step at most; the others belong to the model and are
/// shared by every program that runs it (training, validation, explanation).
enum class Segment {
    Arena,
    Parameters, ///< trainable weights, one flat buffer
    State,      ///< weights that are not trained: frozen ones, running statistics
    Slots       ///< the optimizer's state: momentum, moments
};

/// How the initial contents of a parameter or state value are made.
struct Initializer
{
    /// zeros, ones, forget_gate_ones (in the second quarter), constant, uniform, glorot_uniform, glorot_normal, he_uniform,
    /// he_normal, orthogonal
    std::string kind = "zeros";
    int64_t fanIn = 1;
    int64_t fanOut = 1;
    double scale = 1; ///< constant: every element; uniform: numbers between −scale and scale
};

/// One tensor of the program. Every value is written once: by the caller (inputs), by the model (parameters,
/// state) or by one operation.
struct Value
{
    TensorType type;
    std::string name; ///< unique for parameters, state and inputs, for example "conv2d_1.weight"; else may be empty
    std::string node; ///< graph node it stems from
    bool input = false;
    Segment segment = Segment::Arena;
    int64_t offset = 0; ///< in elements, within the segment; only for segments other than the arena
    Initializer initializer;
};

/// One instruction of a fused pointwise operation; see PointwiseCode.
struct PointwiseInstruction
{
    std::string fn; ///< name of a unary or binary function of engine/ir/pointwise.h
    int32_t a = 0;  ///< operand: 0 .. inputs-1 are the inputs, then the results of earlier instructions
    int32_t b = -1; ///< second operand of a binary function, -1 for a unary one
    double alpha = 0; ///< the function's constant, where it has one
    bool operator==(const PointwiseInstruction&) const = default;
};

/// A straight-line scalar program applied to every element: what a chain of pointwise operations is fused to.
struct PointwiseCode
{
    std::vector<PointwiseInstruction> instructions;
    std::vector<int32_t> outputs; ///< operand index of each output
};

/// One primitive operation: a type, its operands and results, its options.
struct Op
{
    const OpType* type = nullptr;
    std::vector<ValueId> inputs; ///< noValue for an absent optional operand
    std::vector<ValueId> outputs;
    Params attributes;
    std::string node;   ///< graph node it stems from
    PointwiseCode code; ///< of type "pointwise" only
};

/// At the end of a step `target` (parameters, state, slots) takes the contents of `source`.
struct Update
{
    ValueId target = noValue;
    ValueId source = noValue;
};

/// A straight list of operations over values in single assignment, in an order in which it can run.
struct Program
{
    std::vector<Value> values;
    std::vector<Op> ops;
    std::vector<Update> updates;
    std::map<std::string, ValueId> outputs; ///< results the caller reads, by name
    int64_t parameterElements = 0;          ///< size of the flat trainable buffer
    int64_t stateElements = 0;
    int64_t slotElements = 0;

    const Value& operator[](ValueId id) const { return values[static_cast<size_t>(id)]; }
    Value& operator[](ValueId id) { return values[static_cast<size_t>(id)]; }
    const TensorType& typeOf(ValueId id) const { return values[static_cast<size_t>(id)].type; }
    /// The value with this name, or noValue.
    ValueId find(const std::string& name) const;
    /// One operation a line, for people: results, type, operands, options.
    std::string toString() const;
};

/// Index of the operation that writes each value, -1 for inputs, parameters and state.
std::vector<int32_t> producers(const Program& program);
/// How often each value is read by operations, updates and named outputs.
std::vector<int32_t> useCounts(const Program& program);

} // namespace gradloom::ir
