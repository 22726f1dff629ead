#pragma once

#include "engine/ir/op_type.h"

#include <stdexcept>
#include <string_view>

namespace gradloom::ir {

/// Writes a Program, one operation after the other. Shapes are checked by each operation's rule; a violation here is
/// a mistake in a layer or an adjoint (the graph was validated before) and throws std::logic_error; a tensor of more
/// than Shape::maxElements throws std::overflow_error.
class Builder
{
public:
    Program& program() { return m_program; }
    const Program& program() const { return m_program; }
    // By value: the list of values grows while operations are emitted.
    TensorType type(ValueId id) const { return m_program.typeOf(id); }
    Shape shape(ValueId id) const { return m_program.typeOf(id).shape; }

    /// Values and operations made from now on carry this graph node's id. Returns the node set before.
    std::string setNode(std::string node);

    ValueId input(std::string name, TensorType type);
    /// A weight; `trainable` puts it into the flat parameter buffer, otherwise it becomes state. A name that is known
    /// gives the same weight again.
    ValueId parameter(std::string name, Shape shape, Initializer initializer, bool trainable);
    /// A tensor of the model that is not trained, for example running statistics.
    ValueId state(std::string name, Shape shape, Initializer initializer);
    /// A tensor of the optimizer, zero at the start.
    ValueId slot(std::string name, Shape shape);
    /// A range of the flat buffer of trainable weights as one vector; to be called when all of them are declared.
    ValueId flatParameters(int64_t first, int64_t count);
    ValueId flatParameters() { return flatParameters(0, m_program.parameterElements); }
    /// Leaves room for slots that another program of the same model keeps.
    void reserveSlots(int64_t elements) { m_program.slotElements += elements; }

    /// An operation with one result (the first one), or with all of them.
    ValueId op(std::string_view type, std::vector<ValueId> inputs, Params attributes = {});
    std::vector<ValueId> ops(std::string_view type, std::vector<ValueId> inputs, Params attributes = {});

    // Short forms of what is used most.
    ValueId unary(std::string_view fn, ValueId x, double alpha = 0);
    ValueId binary(std::string_view fn, ValueId a, ValueId b);
    ValueId add(ValueId a, ValueId b) { return binary("add", a, b); }
    ValueId sub(ValueId a, ValueId b) { return binary("sub", a, b); }
    ValueId mul(ValueId a, ValueId b) { return binary("mul", a, b); }
    ValueId div(ValueId a, ValueId b) { return binary("div", a, b); }
    ValueId scale(ValueId x, double factor) { return unary("scale", x, factor); }
    ValueId offset(ValueId x, double amount) { return unary("offset", x, amount); }
    ValueId reshape(ValueId x, const Shape& shape);
    /// fn: sum, mean or max. Axes are counted from the front; keepDims leaves extents of one.
    ValueId reduce(std::string_view fn, ValueId x, const std::vector<int64_t>& axes, bool keepDims = false);
    /// Everything to one element of shape {1}.
    ValueId reduceAll(std::string_view fn, ValueId x);
    /// Sums a gradient over the dimensions along which `shape` was broadcast, back to `shape`.
    ValueId sumTo(ValueId gradient, const Shape& shape);

    void update(ValueId target, ValueId source) { m_program.updates.push_back({target, source}); }
    void output(std::string name, ValueId id) { m_program.outputs.insert_or_assign(std::move(name), id); }

private:
    ValueId addValue(Value value);

    Program m_program;
    std::string m_node;
};

/// A gradient was asked for through an operation that has none.
class NotDifferentiable : public std::domain_error
{
public:
    explicit NotDifferentiable(const Op& op)
        : std::domain_error("\"" + op.node + "\" uses " + op.type->id + ", which has no derivative"), m_node(op.node)
    {
    }
    const std::string& node() const { return m_node; } ///< graph node

private:
    std::string m_node;
};

/// Emits the gradient of the scalar `loss` (shape {1}) with respect to each of `targets` by reverse mode.
/// A target the loss does not depend on gets noValue. Throws NotDifferentiable where a path from a target to the loss
/// leads through an operation without an adjoint.
/// Source: Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3.
std::vector<ValueId> differentiate(Builder& builder, ValueId loss, std::span<const ValueId> targets);

} // namespace gradloom::ir
