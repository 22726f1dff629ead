#include "engine/layers/recurrent_layer.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

using ir::noValue;
using ir::RecurrentKind;
using ir::ValueId;

enum InputPort { sequencePort, maskPort, statePort, cellPort };

int64_t directionsOf(const Params& p)
{
    return p.text("bidirectional") == "none" ? 1 : 2;
}

/// Features of the result of one layer of the stack.
int64_t featuresOf(const Params& p)
{
    return p.integer("units") * (p.text("bidirectional") == "concat" ? 2 : 1);
}

/// Numbers of the states of all layers and directions together.
int64_t statesOf(const Params& p)
{
    return p.integer("units") * p.integer("layers") * directionsOf(p);
}

Fault needsSequence(const std::string& title, const Shape& input)
{
    Fault fault{title + " needs sequences (N, steps, features) but gets " + batchShape(input) + ".", {}};
    if (input.rank() == 0)
        return fault;
    std::vector<int64_t> shape{input[0], input.elements() / input[0]};
    fault.message += input.rank() == 1 ? " Insert Reshape to make each number a step of one feature."
                                       : " Insert Reshape to make each of the " + std::to_string(input[0]) +
                                             " rows a step.";
    fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Reshape to " + Shape(shape).toString(),
        "reshape", {{"shape", shape}}, sequencePort, {}, {}});
    return fault;
}

Inferred inferRecurrent(
    const std::string& title, const RecurrentKind& kind, const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[sequencePort].shape;
    if (x.rank() != 2)
        return needsSequence(title, x);
    const auto differs = [&](size_t port, const Shape& wanted) {
        return port < in.size() && in[port].shape.rank() > 0 && !(in[port].shape == wanted);
    };
    if (differs(maskPort, Shape{x[0]}))
        return Fault{title + " needs a mask " + batchShape(Shape{x[0]}) + ", one number a step, but gets " +
                         batchShape(in[maskPort].shape) +
                         ". Connect the mask of the Embedding this sequence comes from.",
            {}};
    const Shape state{statesOf(p)};
    for (const size_t port : {size_t{statePort}, size_t{cellPort}})
        if (differs(port, state))
            return Fault{title + " needs an initial " + (port == statePort ? "state " : "cell state ") +
                             batchShape(state) + ", units × layers × directions, but gets " +
                             batchShape(in[port].shape) +
                             ". Give the layer that makes it the same options, or insert a Dense with " +
                             std::to_string(state[0]) + " units.",
                {}};
    const Shape out = p.text("output") == "sequence" ? Shape{x[0], featuresOf(p)} : Shape{featuresOf(p)};
    std::vector<TensorType> outputs{{out, DType::F32}, {state, DType::F32}};
    if (kind.cell)
        outputs.push_back({state, DType::F32});
    return outputs;
}

/// Lowers the stack layer by layer.
class RecurrentLowering
{
public:
    RecurrentLowering(LowerContext& context, const RecurrentKind& kind)
        : m_c(context), m_kind(kind), m_units(context.params.integer("units"))
    {
    }

    std::vector<ValueId> run()
    {
        ValueId x = m_c.in();
        ValueId last = noValue;
        for (int64_t layer = 0; layer < m_c.params.integer("layers"); ++layer) {
            x = dropInputs(x);
            std::vector<ValueId> sequences;
            std::vector<ValueId> states;
            for (int64_t direction = 0; direction < directionsOf(m_c.params); ++direction) {
                const auto results = runLayer(x, layer, direction == 1);
                sequences.push_back(results[0]);
                states.push_back(results[1]);
                m_states.push_back(results[1]);
                if (m_kind.cell)
                    m_cells.push_back(results[2]);
            }
            x = merged(sequences);
            last = merged(states);
        }
        std::vector<ValueId> outputs{m_c.params.text("output") == "sequence" ? x : last, joined(m_states)};
        if (m_kind.cell)
            outputs.push_back(joined(m_cells));
        return outputs;
    }

private:
    ValueId optionalInput(size_t port) const { return port < m_c.inputs.size() ? m_c.inputs[port] : noValue; }

    std::vector<ValueId> runLayer(ValueId x, int64_t layer, bool reverse)
    {
        ir::Builder& b = m_c.b;
        const Params& p = m_c.params;
        const int64_t columns = m_kind.gates * m_units;
        const int64_t features = b.shape(x)[2];
        const auto name = [&](const std::string& weight) {
            return weight + (layer > 0 ? "_" + std::to_string(layer + 1) : "") + (reverse ? "_reverse" : "");
        };
        const ValueId w =
            m_c.kernel(name("weight"), Shape{features, columns}, {p.text("initializer"), features, columns});
        const ValueId u = m_c.kernel(name("recurrent_weight"), Shape{m_units, columns},
            {p.text("recurrent_initializer"), m_units, columns});
        const bool forgetOnes = p.has("unit_forget_bias") && p.flag("unit_forget_bias");
        const ValueId bias = p.flag("use_bias")
                                 ? m_c.weight(name("bias"), ir::recurrentBiasShape(m_kind, m_units),
                                       {forgetOnes ? "forget_gate_ones" : "zeros"})
                                 : noValue;
        std::vector<ValueId> operands{x, w, u, bias, initial(statePort), optionalInput(maskPort),
            dropMask("recurrent_dropout", m_units)};
        if (m_kind.cell)
            operands.push_back(initial(cellPort));
        Params attributes{{"reverse", reverse}};
        if (p.has("activation"))
            attributes.set("activation", p.text("activation"));
        return b.ops(m_kind.id, operands, attributes);
    }

    /// The part of an initial state that belongs to the layer and direction in work.
    ValueId initial(size_t port)
    {
        const ValueId all = optionalInput(port);
        if (all == noValue || m_c.b.shape(all)[1] == m_units)
            return all;
        const auto index = static_cast<int64_t>(m_states.size());
        return m_c.b.op("slice", {all},
            {{"start", std::vector<int64_t>{0, index * m_units}},
                {"size", std::vector<int64_t>{m_c.batch, m_units}}});
    }

    /// N×width: 0 with the probability of the option, else 1/(1−rate); noValue where nothing is dropped. One
    /// mask for all steps of a sequence.
    ValueId dropMask(const std::string& option, int64_t width)
    {
        const double rate = m_c.params.real(option);
        if (!m_c.training || rate == 0)
            return noValue;
        const ValueId ones =
            m_c.b.op("fill", {}, {{"shape", std::vector<int64_t>{m_c.batch, width}}, {"value", 1.0}});
        return m_c.drop(ones, rate, m_c.randomStream() + m_masks++);
    }

    ValueId dropInputs(ValueId x)
    {
        const Shape shape = m_c.b.shape(x);
        const ValueId mask = dropMask("dropout", shape[2]);
        if (mask == noValue)
            return x;
        const ValueId steps = m_c.b.reshape(mask, Shape{shape[0], 1, shape[2]});
        return m_c.b.mul(x, m_c.b.op("broadcast", {steps}, {{"shape", shape.toVector()}}));
    }

    /// Both directions' results as one.
    ValueId merged(const std::vector<ValueId>& parts)
    {
        if (m_c.params.text("bidirectional") == "sum")
            return m_c.b.add(parts[0], parts[1]);
        return joined(parts);
    }

    /// Along the last axis.
    ValueId joined(const std::vector<ValueId>& parts)
    {
        if (parts.size() == 1)
            return parts[0];
        return m_c.b.op("concat", parts, {{"axis", int64_t{m_c.b.shape(parts[0]).rank() - 1}}});
    }

    LowerContext& m_c;
    const RecurrentKind& m_kind;
    int64_t m_units;
    int64_t m_masks = 0;           ///< random masks made so far
    std::vector<ValueId> m_states; ///< last ones, per layer and direction
    std::vector<ValueId> m_cells;
};

std::vector<ParamSpec> recurrentParams()
{
    std::vector<ParamSpec> specs{
        integerParam("units", "Units", 64, 1, 65536, "Size of the state, and of what each direction gives."),
        choiceParam("output", "Output", "last", {{"last", "last state"}, {"sequence", "whole sequence"}},
            "last state: one vector for the sequence. whole sequence: the state behind every step."),
        choiceParam("bidirectional", "Bidirectional", "none",
            {{"none", "no"}, {"concat", "both, side by side"}, {"sum", "both, added"}},
            "Whether a second copy reads from the last step to the first, and how both results become one."),
        integerParam(
            "layers", "Layers", 1, 1, 8, "Stacked layers; each reads the whole sequence of the one below."),
        realParam("dropout", "Dropout", 0, 0, 0.99,
            "Share of each layer's input features dropped in training, the same ones at every step of a "
            "sequence."),
        realParam("recurrent_dropout", "Recurrent dropout", 0, 0, 0.99,
            "Share of the state dropped in training where it meets the recurrent weights, the same units at "
            "every step "
            "(Gal and Ghahramani 2016).")};
    for (auto& spec : weightParams()) {
        if (spec.key == "activation")
            continue;
        specs.push_back(spec);
        if (spec.key != "initializer")
            continue;
        spec.key = "recurrent_initializer";
        spec.title = "Recurrent init";
        spec.defaultValue = std::string("orthogonal");
        spec.help =
            "How the recurrent weights start. Orthogonal ones neither shrink nor blow up what they carry on.";
        specs.push_back(spec);
    }
    return specs;
}

} // namespace

LayerType recurrentLayer(std::string id, std::string title, const RecurrentKind& kind)
{
    LayerType type;
    type.id = std::move(id);
    type.title = std::move(title);
    type.category = "recurrent";
    type.inputs = {{"in", "a sequence (steps, features)", false},
        {"mask", "1 for real steps, 0 for padding, which the state passes unchanged", true},
        {"state", "the state before the first step; zeros where nothing is connected", true}};
    type.outputs = {{"out", "the last state or the whole sequence", false},
        {"state", "the last state of every layer and direction, one behind the other", false}};
    if (kind.cell) {
        type.inputs.push_back(
            {"cell", "the cell state before the first step; zeros where nothing is connected", true});
        type.outputs.push_back({"cell", "the last cell state of every layer and direction", false});
    }
    type.parameters = recurrentParams();
    type.infer = [name = type.title, kind](const Params& p, std::span<const TensorType> in) {
        return inferRecurrent(name, kind, p, in);
    };
    type.lower = [kind](LowerContext& c) { return RecurrentLowering(c, kind).run(); };
    type.summary = [](const Params& p) {
        const int64_t layers = p.integer("layers");
        return joined({std::to_string(p.integer("units")),
            layers > 1 ? std::to_string(layers) + " layers" : "", directionsOf(p) == 2 ? "bidirectional" : "",
            p.text("output") == "sequence" ? "sequence" : ""});
    };
    type.samples = recurrentSamples(kind);
    return type;
}

std::vector<Sample> recurrentSamples(const RecurrentKind& kind)
{
    const auto f = [](Shape shape) { return TensorType{shape, DType::F32}; };
    const auto text = [](const char* value) { return std::string(value); };
    const auto states = [&](std::vector<TensorType> inputs, int64_t size) {
        inputs.push_back(f({size}));
        if (kind.cell)
            inputs.push_back(f({size}));
        return inputs;
    };
    return {{{{"units", int64_t{5}}}, {f({4, 3})}},
        {{{"units", int64_t{1}}, {"output", text("sequence")}, {"use_bias", false}}, {f({3, 1})}},
        {{{"units", int64_t{17}}, {"output", text("sequence")}, {"l2", 0.01}},
            states({f({3, 2}), f({3})}, 17)},
        {{{"units", int64_t{3}}, {"bidirectional", text("concat")}, {"layers", int64_t{2}},
             {"output", text("sequence")}},
            states({f({4, 2}), f({4})}, 12)},
        {{{"units", int64_t{3}}, {"bidirectional", text("sum")}}, states({f({3, 5}), unconnected}, 6)},
        {{{"units", int64_t{4}}, {"layers", int64_t{2}}, {"dropout", 0.3}, {"recurrent_dropout", 0.4}},
            {f({5, 6}), f({5})}}};
}

} // namespace gradloom::layers
