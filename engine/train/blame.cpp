#include "engine/train/blame.h"

#include "engine/graph/expand.h"
#include "engine/layers/layer_type.h"
#include "engine/train/batch_writer.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <cmath>

namespace gradloom::train {

namespace {

bool finite(std::span<const float> values)
{
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

Result<LoadedProgram*> watchingProgram(
    Model& model, const graph::Graph& expanded, int64_t batch, bool training)
{
    const std::string key = std::string(training ? "watch training:" : "watch:") + std::to_string(batch);
    return model.program(key, [&] {
        ProgramOptions options;
        options.batch = batch;
        options.labels = model.labels();
        options.training = training;
        for (const graph::Node& node : expanded.nodes)
            options.watch.push_back(node.id);
        return forwardProgram(model.graph(), options);
    });
}

std::string firstLoss(const graph::Graph& graph)
{
    for (const size_t index : graph::topologicalOrder(graph)) {
        const auto* type = layers::layerTypes().find(graph.nodes[index].type);
        if (type && type->role == layers::Role::Loss)
            return graph.nodes[index].id;
    }
    return {};
}

} // namespace

Rewind::Rewind(const backend::ModelMemory& memory) : m_memories{memory.parameters, memory.state, memory.slots}
{
    for (size_t i = 0; i < m_memories.size(); ++i)
        m_copies[i] = Buffer(m_memories[i] ? m_memories[i]->bytes() : 0);
}

void Rewind::capture(int64_t step)
{
    for (size_t i = 0; i < m_memories.size(); ++i)
        if (m_copies[i].bytes() > 0)
            m_memories[i]->download({m_copies[i].data(), static_cast<size_t>(m_copies[i].bytes())}, 0);
    m_step = step;
}

void Rewind::restore() const
{
    for (size_t i = 0; i < m_memories.size(); ++i)
        if (m_copies[i].bytes() > 0)
            m_memories[i]->upload({m_copies[i].data(), static_cast<size_t>(m_copies[i].bytes())}, 0);
}

Result<std::string> firstNonFinite(Model& model, const Inputs& inputs)
{
    const graph::Graph expanded = graph::expand(model.graph()).graph;
    auto program = watchingProgram(model, expanded, inputs.batch.size(), inputs.training);
    if (!program)
        return program.error();
    LoadedProgram& run = **program;
    BatchWriter(model.labels()).write(run, inputs.batch);
    run.write("random", std::as_bytes(std::span(inputs.random)));
    run.run();
    for (const size_t index : graph::topologicalOrder(expanded)) {
        const std::string& node = expanded.nodes[index].id;
        const std::string name = "node:" + node;
        if (!run.hasOutput(name) || run.outputType(name).dtype != DType::F32)
            continue;
        if (!finite(run.read(name).floats()))
            return node;
    }
    if (run.hasOutput("losses") && !finite(run.read("losses").floats()))
        return firstLoss(expanded);
    return std::string();
}

} // namespace gradloom::train
