#include "engine/train/check_cases.h"

#include "engine/ir/builder.h"
#include "engine/ir/pointwise.h"
#include "engine/layers/layer_type.h"
#include "engine/tensor/picture_change.h"
#include "engine/train/optimizer_type.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace gradloom::train {

using graph::chainOf;
using graph::nodeOf;

namespace {

using ir::noValue;
using ir::ValueId;

size_t at(ValueId id)
{
    return static_cast<size_t>(id);
}

/// What an operation keeps for its adjoint is the device's own affair: neither compared nor handed on.
bool keepsNotes(const ir::Op& op)
{
    static const std::set<std::string> ids{"rnn", "lstm", "gru", "attention"};
    return ids.contains(op.type->id);
}

/// Devices may compute these and their adjoints in one way, so the adjoint comes behind its operation.
bool goesWithAdjoint(const ir::Op& op)
{
    return keepsNotes(op) || op.type->id == "batch_norm" || op.type->id == "group_norm";
}

/// The first one, and of the others those that somebody reads.
std::vector<ValueId> comparedResults(const ir::Op& op, const std::set<ValueId>& read)
{
    std::vector<ValueId> results = op.outputs;
    if (keepsNotes(op) && op.type->id != "rnn")
        results.pop_back();
    std::erase_if(results, [&](ValueId id) { return id != op.outputs[0] && !read.contains(id); });
    return results;
}

std::set<ValueId> readValues(const ir::Program& program)
{
    std::set<ValueId> read;
    for (const ir::Op& op : program.ops)
        read.insert(op.inputs.begin(), op.inputs.end());
    for (const auto& [name, id] : program.outputs)
        read.insert(id);
    for (const ir::Update& update : program.updates)
        read.insert(update.source);
    return read;
}

/// What makes two uses of a primitive the same.
std::string keyOf(const ir::Program& program, const ir::Op& op, const std::set<ValueId>& read)
{
    std::string key = op.type->id;
    for (const ValueId id : op.outputs)
        key += read.contains(id) ? " read" : " unread";
    for (const auto& [name, value] : op.attributes)
        if (name != "stream")
            key += " " + name + "=" + formatParam(value);
    for (const ValueId id : op.inputs)
        key += id == noValue ? " -"
                             : " " + program.typeOf(id).shape.toString() + nameOf(program.typeOf(id).dtype);
    for (const auto& step : op.code.instructions)
        key += " " + step.fn + std::to_string(step.a) + "," + std::to_string(step.b) + "," +
               std::to_string(step.alpha);
    for (const int32_t output : op.code.outputs)
        key += ">" + std::to_string(output);
    return key;
}

/// All results become readable, and nothing changes the weights.
ir::Program opened(ir::Program planned)
{
    planned.updates.clear();
    planned.outputs.clear();
    for (const ir::Op& op : planned.ops)
        for (const ValueId id : op.outputs)
            planned.outputs["value" + std::to_string(id)] = id;
    return planned;
}

/// Writes the program of a case from operations of a larger one.
class CaseWriter
{
public:
    /// `read`: values of the source that its operations, outputs or updates read.
    CaseWriter(const ir::Program& source, const std::set<ValueId>& read, const std::vector<Tensor>& contents)
        : m_source(source), m_read(read), m_contents(contents)
    {
    }

    void add(const ir::Op& op)
    {
        ir::Op copy = op;
        copy.node.clear();
        for (ValueId& id : copy.inputs)
            if (id != noValue)
                id = operand(id);
        for (ValueId& id : copy.outputs)
            id = addValue(id, false);
        for (const ValueId id : comparedResults(op, m_read)) {
            const ValueId made = m_place.at(id);
            m_program.outputs["result" + std::to_string(made)] = made;
            m_expected.emplace_back(made, m_contents[at(id)]);
        }
        m_program.ops.push_back(std::move(copy));
    }

    CheckCase finish()
    {
        CheckCase result;
        result.primitive = m_program.ops.back().type->id;
        result.op = m_program.ops.size() - 1;
        result.operands = std::move(m_operands);
        result.expected = std::move(m_expected);
        result.plan = std::make_shared<const compile::Plan>(compile::plan(std::move(m_program)));
        return result;
    }

private:
    ValueId operand(ValueId id)
    {
        if (const auto it = m_place.find(id); it != m_place.end())
            return it->second;
        const ValueId made = addValue(id, true);
        m_operands.emplace_back(made, m_contents[at(id)]);
        return made;
    }

    ValueId addValue(ValueId id, bool input)
    {
        ir::Value value;
        value.type = m_source.typeOf(id);
        value.input = input;
        value.name = input ? "operand" + std::to_string(id) : "";
        m_program.values.push_back(std::move(value));
        const auto made = static_cast<ValueId>(m_program.values.size() - 1);
        m_place[id] = made;
        return made;
    }

    const ir::Program& m_source;
    const std::set<ValueId>& m_read;
    const std::vector<Tensor>& m_contents; ///< of every value of the source
    ir::Program m_program;
    std::map<ValueId, ValueId> m_place;
    std::vector<std::pair<ValueId, Tensor>> m_operands, m_expected;
};

/// What a layer is asked for.
enum class Pass { Training, Explaining, Judging };

/// A layer alone with Σ coefficient·result behind it and, except for judging, the gradients of its inputs and
/// weights. Nothing for a layer that needs others around it.
std::optional<ir::Program> layerProgram(
    const layers::LayerType& type, const layers::Sample& sample, Pass pass)
{
    constexpr int64_t batch = 5;
    auto params = completeParams(type.parameters, sample.params, type.id);
    if (!params || type.adversarial)
        return std::nullopt;
    ir::Builder b;
    layers::LowerContext context(b, "node", pass == Pass::Training);
    context.batch = batch;
    context.params = std::move(*params);
    const auto inferred = type.infer(context.params, sample.inputs);
    if (inferred.fault)
        return std::nullopt;
    context.outputTypes = inferred.outputs;
    std::vector<ValueId> targets;
    for (const TensorType& input : sample.inputs) {
        const bool absent = input == layers::unconnected;
        context.inputs.push_back(absent ? noValue
                                        : b.input("in" + std::to_string(context.inputs.size()),
                                              {input.shape.prepended(batch), input.dtype}));
        if (!absent && input.dtype == DType::F32)
            targets.push_back(context.inputs.back());
    }
    std::vector<ValueId> results = type.lower(context);
    for (const auto& loss : context.losses)
        results.push_back(loss.perSample);
    for (const auto& [name, metric] : context.metrics)
        b.output("metric:" + name, metric);
    ValueId total = noValue;
    for (const ValueId id : results) {
        b.output("result" + std::to_string(id), id);
        if (b.type(id).dtype != DType::F32)
            continue;
        const ValueId coefficients = b.input("c" + std::to_string(id), b.type(id));
        const ValueId term = b.reduceAll("sum", b.mul(id, coefficients));
        total = total == noValue ? term : b.add(total, term);
    }
    for (size_t i = 0; i < b.program().values.size(); ++i)
        if (b.program().values[i].segment == ir::Segment::Parameters)
            targets.push_back(static_cast<ValueId>(i));
    if (total != noValue && pass != Pass::Judging)
        for (const ValueId gradient : ir::differentiate(b, total, targets))
            if (gradient != noValue)
                b.output("gradient" + std::to_string(gradient), gradient);
    return std::move(b.program());
}

/// Layers as large as in real networks, which libraries compute in other ways than small ones.
Status addLargerLayers(CheckCases& cases)
{
    const auto f = [](Shape shape) { return std::vector{TensorType{shape, DType::F32}}; };
    const std::vector<std::pair<const char*, layers::Sample>> uses{
        {"conv2d", {{{"filters", int64_t{64}}}, f({14, 14, 64})}},
        {"conv2d", {{{"filters", int64_t{128}}, {"stride", std::vector<int64_t>{2, 2}}}, f({14, 14, 64})}},
        {"conv_transpose2d", {{{"filters", int64_t{32}}, {"stride", std::vector<int64_t>{2, 2}}}, f({7, 7, 64})}},
        {"dense", {{{"units", int64_t{256}}, {"activation", std::string("relu")}}, f({512})}},
        {"max_pool2d", {{}, f({28, 28, 64})}},
        {"avg_pool2d", {{}, f({28, 28, 64})}},
        {"batch_norm", {{}, f({14, 14, 64})}},
        {"layer_norm", {{}, f({32, 256})}},
        {"lstm", {{{"units", int64_t{64}}}, f({24, 32})}},
        {"gru", {{{"units", int64_t{64}}}, f({24, 32})}},
        {"multi_head_attention",
            {{{"heads", int64_t{4}}, {"head_size", int64_t{32}}, {"causal", true}}, f({64, 128})}},
    };
    for (const auto& [id, sample] : uses)
        if (Status status = cases.add(layerProgram(*layers::layerTypes().find(id), sample, Pass::Training).value()); !status)
            return status;
    return {};
}

Status addPointwise(CheckCases& cases)
{
    const std::set<std::string_view> positive{"sqrt", "rsqrt", "log", "power", "reciprocal", "div"};
    for (const auto& function : ir::pointwiseFunctions()) {
        const Params attributes{{"fn", std::string(function.name)}, {"alpha", function.hasAlpha ? 0.7 : 0.0}};
        ir::Builder b;
        const auto input = [&](const char* name, const Shape& shape) {
            return b.input(name, {shape, DType::F32});
        };
        const ValueId large = input("large", Shape{67, 129});
        if (function.operands == 1) {
            b.output("y", b.op("unary", {large}, attributes));
        } else {
            b.output("same", b.op("binary", {large, input("other", Shape{67, 129})}, attributes));
            b.output("row", b.op("binary", {large, input("row", Shape{129})}, attributes));
            b.output("number", b.op("binary", {input("number", Shape{1}), large}, attributes));
        }
        cases.setRange(positive.contains(function.name) ? 0.5F : -2.0F, 2.0F);
        if (Status status = cases.add(std::move(b.program())); !status)
            return status;
    }
    cases.setRange(0, 0);
    return {};
}

/// A training step with every optimizer: of numbers with all that may come with an update, of tokens with a
/// table of which only some rows move.
Status addOptimizers(CheckCases& cases)
{
    const graph::Node scores = nodeOf("scores", "dense", {{"units", int64_t{4}}});
    const graph::Node loss = nodeOf("loss", "cross_entropy");
    const graph::Graph numbers = chainOf({nodeOf("in", "input", {{"shape", std::vector<int64_t>{7}}}),
        nodeOf("hidden", "dense", {{"units", int64_t{33}}, {"activation", std::string("relu")}}), scores,
        loss});
    const graph::Graph tokens =
        chainOf({nodeOf("in", "input", {{"kind", std::string("tokens")}, {"shape", std::vector<int64_t>{6}}}),
            nodeOf("table", "embedding",
                {{"vocabulary", int64_t{40}}, {"size", int64_t{5}}, {"padding_index", int64_t{-1}},
                    {"sparse", true}}),
            nodeOf("flat", "flatten"), scores, loss});
    for (const OptimizerType& type : optimizerTypes().all())
        for (const graph::Graph* graph : {&numbers, &tokens}) {
            TrainingRecipe recipe;
            recipe.rule.optimizer = &type;
            recipe.rule.params = completeParams(type.parameters, {}, type.id).value();
            if (graph == &numbers) {
                recipe.rule.clipNorm = 1;
                recipe.rule.emaDecay = 0.9;
            }
            ProgramOptions options;
            options.batch = 5;
            options.training = true;
            auto program = trainingProgram(*graph, options, recipe);
            if (!program)
                return program.error();
            if (Status status = cases.add(std::move(*program)); !status)
                return status;
        }
    return {};
}

/// Recurrent layers over a table so small that most tokens repeat.
Status addRepeatedTokens(CheckCases& cases)
{
    for (const char* layer : {"simple_rnn", "lstm", "gru"}) {
        const graph::Graph graph =
            chainOf({nodeOf("in", "input", {{"kind", std::string("tokens")}, {"shape", std::vector<int64_t>{30}}}),
                nodeOf("table", "embedding", {{"vocabulary", int64_t{12}}, {"size", int64_t{33}}}),
                nodeOf("layer", layer, {{"units", int64_t{9}}}), nodeOf("scores", "dense", {{"units", int64_t{4}}}),
                nodeOf("loss", "cross_entropy")});
        TrainingRecipe recipe;
        recipe.rule.optimizer = optimizerTypes().find("sgd");
        recipe.rule.params = completeParams(recipe.rule.optimizer->parameters, {}, "sgd").value();
        ProgramOptions options;
        options.batch = 5;
        options.training = true;
        auto program = trainingProgram(graph, options, recipe);
        if (!program)
            return program.error();
        if (Status status = cases.add(std::move(*program)); !status)
            return status;
    }
    return {};
}

/// Only steps of projects that augment have it.
Status addAugment(CheckCases& cases)
{
    ir::Builder b;
    const Shape x{3, 2, 33, 31, 3};
    const ValueId pictures = b.input("pictures", {x, DType::F32});
    const ValueId changes = b.input("changes", {Shape{x[0], x[1], PictureChange::floats + x[4]}, DType::F32});
    const ValueId noise = b.input("noise", {Shape{x[0], x[1], NoisePlace::integers}, DType::I32});
    b.output("y", b.op("augment", {pictures, changes, noise}));
    return cases.add(std::move(b.program()));
}

/// What only steps have that several devices share, here on one alone: sums over them, and the random numbers of a
/// share.
Status addShare(CheckCases& cases)
{
    ir::Builder b;
    const auto input = [&](const char* name, const Shape& shape) { return b.input(name, {shape, DType::F32}); };
    b.output("y", b.op("sum_over_devices", {input("x", Shape{1001})}));
    const ValueId counter = b.input("counter", {Shape{4}, DType::I32});
    const auto shared = [](Params options, const std::vector<int64_t>& places) {
        options.set("stream", int64_t{5});
        options.set("places", places);
        return options;
    };
    b.output("dropped",
        b.op("dropout", {input("numbers", Shape{66, 33}), counter}, shared({{"rate", 0.4}}, {77, 5000})));
    for (const char* kind : {"normal", "uniform"})
        b.output(kind,
            b.op("random_fill", {counter},
                shared({{"kind", std::string(kind)}, {"shape", std::vector<int64_t>{2, 501}}}, {100, 1602})));
    const Shape rows{4, 7, 6};
    b.output("attention",
        b.op("attention", {input("q", rows), input("k", rows), input("v", rows), noValue, counter},
            shared({{"heads", int64_t{2}}, {"causal", false}, {"scale", 0.5}, {"rate", 0.3}}, {4, 20})));
    return cases.add(std::move(b.program()));
}

} // namespace

Tensor CheckCases::randomContents(const ir::Value& value)
{
    Tensor contents(value.type.shape, value.type.dtype);
    // Weights as small as those of a network, lest rounding grows from step to step of a recurrent layer.
    const Shape& shape = value.type.shape;
    const bool matrix = value.segment == ir::Segment::Parameters && shape.rank() > 1;
    const float size = matrix ? 1 / std::sqrt(static_cast<float>(shape.elements() / shape[-1])) : 1.0F;
    // Variances and moments must not be negative; integers are labels, tokens or the random counter.
    const bool positive = value.name.ends_with("running_var") || value.segment == ir::Segment::Slots ||
                          value.name == "step" || value.name == "learning_rate";
    if (value.type.dtype == DType::I32)
        for (int32_t& x : contents.as<int32_t>())
            x = static_cast<int32_t>(m_random.below(2));
    else if (value.type.dtype == DType::F32)
        for (float& x : contents.floats())
            x = positive         ? m_random.uniform(0.5F, 1.5F)
                : m_low < m_high ? m_random.uniform(m_low, m_high)
                                 : size * m_random.normal();
    return contents;
}

Status CheckCases::add(ir::Program program)
{
    ir::Program fused = compile::plan(std::move(program)).program;
    const std::set<ValueId> read = readValues(fused);
    const auto plan = std::make_shared<const compile::Plan>(compile::plan(opened(std::move(fused))));
    const ir::Program& planned = plan->program;
    auto model = backend::allocateModel(m_reference, planned);
    if (!model)
        return model.error();
    auto loaded = m_reference.load(plan, *model);
    if (!loaded)
        return loaded.error();
    std::vector<Tensor> contents(planned.values.size());
    // Parameters seen as one vector share the memory of the single ones, which are written behind it.
    std::vector<size_t> order(contents.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return planned.values[a].type.bytes() > planned.values[b].type.bytes();
    });
    for (const size_t i : order) {
        const ir::Value& value = planned.values[i];
        if (!value.input && value.segment == ir::Segment::Arena)
            continue;
        contents[i] = randomContents(value);
        const std::span<const std::byte> bytes(contents[i].data(), static_cast<size_t>(contents[i].bytes()));
        const auto& memory = value.segment == ir::Segment::Parameters ? model->parameters
                             : value.segment == ir::Segment::State    ? model->state
                                                                      : model->slots;
        value.input ? (*loaded)->write(static_cast<ValueId>(i), bytes)
                    : memory->upload(bytes, value.offset * 4);
    }
    (*loaded)->poison();
    (*loaded)->run();
    const auto producer = ir::producers(planned);
    for (const ir::Op& op : planned.ops) {
        if (!m_known.insert(keyOf(planned, op, read)).second)
            continue;
        std::vector<const ir::Op*> ops{&op};
        for (const ValueId id : op.inputs)
            if (const int32_t from = id == noValue ? -1 : producer[at(id)]; from >= 0)
                if (const ir::Op& other = planned.ops[static_cast<size_t>(from)];
                    goesWithAdjoint(other) && op.type->id == other.type->id + "_backward" && ops.front() != &other)
                    ops.insert(ops.begin(), &other);
        for (const ir::Op* used : ops)
            for (const auto* list : {&used->inputs, &used->outputs})
                for (const ValueId id : *list)
                    if (id != noValue) {
                        contents[at(id)] = Tensor(planned.typeOf(id).shape, planned.typeOf(id).dtype);
                        (*loaded)->read(
                            id, {contents[at(id)].data(), static_cast<size_t>(contents[at(id)].bytes())});
                    }
        CaseWriter writer(planned, read, contents);
        for (const ir::Op* used : ops)
            writer.add(*used);
        m_cases.push_back(writer.finish());
    }
    return {};
}

Status addAllPrograms(CheckCases& cases)
{
    for (const auto& type : layers::layerTypes().all())
        for (const auto& sample : type.samples)
            for (const Pass pass : {Pass::Training, Pass::Explaining, Pass::Judging})
                if (auto program = layerProgram(type, sample, pass))
                    if (Status status = cases.add(std::move(*program)); !status)
                        return status;
    for (const auto& add : {addLargerLayers, addPointwise, addOptimizers, addRepeatedTokens, addAugment, addShare})
        if (Status status = add(cases); !status)
            return status;
    return {};
}

} // namespace gradloom::train
