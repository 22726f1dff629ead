#include "engine/ir/builder.h"

#include <numeric>

namespace gradloom::ir {

std::string Builder::setNode(std::string node)
{
    std::swap(node, m_node);
    return node;
}

ValueId Builder::addValue(Value value)
{
    if (auto shape = Shape::checked(value.type.shape.toVector()); !shape)
        throw std::overflow_error("a tensor in \"" + m_node + "\": " + shape.error().message);
    if (value.node.empty())
        value.node = m_node;
    m_program.values.push_back(std::move(value));
    return static_cast<ValueId>(m_program.values.size() - 1);
}

ValueId Builder::input(std::string name, TensorType type)
{
    Value value;
    value.type = type;
    value.name = std::move(name);
    value.input = true;
    return addValue(std::move(value));
}

ValueId Builder::parameter(std::string name, Shape shape, Initializer initializer, bool trainable)
{
    if (const ValueId known = m_program.find(name); known != noValue)
        return known;
    if (!trainable)
        return state(std::move(name), shape, std::move(initializer));
    Value value;
    value.type = {shape, DType::F32};
    value.name = std::move(name);
    value.segment = Segment::Parameters;
    value.offset = m_program.parameterElements;
    value.initializer = std::move(initializer);
    m_program.parameterElements += shape.elements();
    return addValue(std::move(value));
}

ValueId Builder::state(std::string name, Shape shape, Initializer initializer)
{
    if (const ValueId known = m_program.find(name); known != noValue)
        return known;
    Value value;
    value.type = {shape, DType::F32};
    value.name = std::move(name);
    value.segment = Segment::State;
    value.offset = m_program.stateElements;
    value.initializer = std::move(initializer);
    m_program.stateElements += shape.elements();
    return addValue(std::move(value));
}

ValueId Builder::slot(std::string name, Shape shape)
{
    Value value;
    value.type = {shape, DType::F32};
    value.name = std::move(name);
    value.segment = Segment::Slots;
    value.offset = m_program.slotElements;
    m_program.slotElements += shape.elements();
    return addValue(std::move(value));
}

ValueId Builder::flatParameters(int64_t first, int64_t count)
{
    Value value;
    value.type = {Shape{count}, DType::F32};
    value.name = "parameters";
    value.segment = Segment::Parameters;
    value.offset = first;
    return addValue(std::move(value));
}

std::vector<ValueId> Builder::ops(std::string_view type, std::vector<ValueId> inputs, Params attributes)
{
    Op op;
    op.type = opTypes().find(type);
    if (!op.type)
        throw std::logic_error("there is no primitive operation \"" + std::string(type) + "\"");
    Types inputTypes;
    for (ValueId id : inputs)
        inputTypes.push_back(id == noValue ? TensorType{} : m_program.typeOf(id));
    auto outputTypes = op.type->infer(inputTypes, attributes);
    if (!outputTypes) {
        std::string operands;
        for (const auto& input : inputTypes)
            operands += " " + input.shape.toString();
        throw std::logic_error(op.type->id + " in \"" + m_node + "\" with" + operands + ": " + outputTypes.error().message);
    }
    for (const auto& outputType : *outputTypes) {
        Value value;
        value.type = outputType;
        op.outputs.push_back(addValue(std::move(value)));
    }
    op.inputs = std::move(inputs);
    op.attributes = std::move(attributes);
    op.node = m_node;
    m_program.ops.push_back(op);
    return op.outputs;
}

ValueId Builder::op(std::string_view type, std::vector<ValueId> inputs, Params attributes)
{
    return ops(type, std::move(inputs), std::move(attributes)).front();
}

ValueId Builder::unary(std::string_view fn, ValueId x, double alpha)
{
    return op("unary", {x}, {{"fn", std::string(fn)}, {"alpha", alpha}});
}

ValueId Builder::binary(std::string_view fn, ValueId a, ValueId b)
{
    return op("binary", {a, b}, {{"fn", std::string(fn)}});
}

ValueId Builder::reshape(ValueId x, const Shape& to)
{
    if (shape(x) == to)
        return x;
    return op("reshape", {x}, {{"shape", to.toVector()}});
}

ValueId Builder::reduce(std::string_view fn, ValueId x, const std::vector<int64_t>& axes, bool keepDims)
{
    return op("reduce", {x}, {{"fn", std::string(fn)}, {"axes", axes}, {"keep_dims", keepDims}});
}

ValueId Builder::reduceAll(std::string_view fn, ValueId x)
{
    std::vector<int64_t> axes(static_cast<size_t>(shape(x).rank()));
    std::iota(axes.begin(), axes.end(), 0);
    return reshape(axes.empty() ? x : reduce(fn, x, axes), Shape{1});
}

ValueId Builder::sumTo(ValueId gradient, const Shape& to)
{
    const Shape from = shape(gradient);
    if (from == to)
        return gradient;
    const int extra = from.rank() - to.rank();
    std::vector<int64_t> axes;
    for (int axis = 0; axis < from.rank(); ++axis)
        if (axis < extra || (to[axis - extra] == 1 && from[axis] != 1))
            axes.push_back(axis);
    return reshape(reduce("sum", gradient, axes), to);
}

} // namespace gradloom::ir
