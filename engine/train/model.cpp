#include "engine/train/model.h"

#include "engine/compile/lower.h"
#include "engine/project/safetensors.h"

#include <algorithm>

namespace gradloom::train {

namespace {

bool isWeight(const ir::Value& value)
{
    return (value.segment == ir::Segment::Parameters || value.segment == ir::Segment::State) &&
           !value.name.empty();
}

/// The flat buffers of trained and other weights on the host, in the layout of the device.
struct HostSegments
{
    std::vector<float> parameters;
    std::vector<float> state;

    explicit HostSegments(const ir::Program& layout)
        : parameters(static_cast<size_t>(layout.parameterElements)),
          state(static_cast<size_t>(layout.stateElements))
    {
    }

    std::span<float> of(const ir::Value& value)
    {
        auto& segment = value.segment == ir::Segment::Parameters ? parameters : state;
        return std::span(segment).subspan(
            static_cast<size_t>(value.offset), static_cast<size_t>(value.type.shape.elements()));
    }
    void download(const backend::ModelMemory& memory)
    {
        if (!parameters.empty())
            memory.parameters->download(std::as_writable_bytes(std::span(parameters)), 0);
        if (!state.empty())
            memory.state->download(std::as_writable_bytes(std::span(state)), 0);
    }
    void upload(const backend::ModelMemory& memory) const
    {
        if (!parameters.empty())
            memory.parameters->upload(std::as_bytes(std::span(parameters)), 0);
        if (!state.empty())
            memory.state->upload(std::as_bytes(std::span(state)), 0);
    }
};

} // namespace

struct Model::Impl
{
    graph::Graph graph;
    layers::TargetTypes labels;
    std::shared_ptr<backend::Backend> device;
    backend::ModelMemory memory;
    ir::Program layout;
    std::map<std::string, std::unique_ptr<LoadedProgram>> programs;
};

Model::Model(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::create(const graph::Graph& graph, const layers::TargetTypes& labels,
    std::shared_ptr<backend::Backend> device, uint64_t seed)
{
    compile::LowerOptions options;
    options.labels = labels;
    auto lowered = compile::lower(graph, options);
    if (!lowered)
        return lowered.error();
    auto impl = std::make_unique<Impl>();
    impl->graph = graph;
    impl->labels = labels;
    impl->device = std::move(device);
    impl->layout = std::move(lowered->builder.program());
    auto memory = backend::allocateModel(*impl->device, impl->layout);
    if (!memory)
        return memory.error();
    impl->memory = std::move(*memory);
    std::unique_ptr<Model> model(new Model(std::move(impl)));
    if (Status status = model->setWeights(initialWeights(model->layout(), seed)); !status)
        return status.error();
    return model;
}

const graph::Graph& Model::graph() const
{
    return m_impl->graph;
}

backend::Backend& Model::device()
{
    return *m_impl->device;
}

const backend::ModelMemory& Model::memory() const
{
    return m_impl->memory;
}

const ir::Program& Model::layout() const
{
    return m_impl->layout;
}

const layers::TargetTypes& Model::labels() const
{
    return m_impl->labels;
}

Weights Model::weights() const
{
    HostSegments host(m_impl->layout);
    host.download(m_impl->memory);
    Weights weights;
    for (const ir::Value& value : m_impl->layout.values) {
        if (!isWeight(value))
            continue;
        Tensor tensor(value.type.shape);
        const auto values = host.of(value);
        std::copy(values.begin(), values.end(), tensor.floats().begin());
        weights.emplace(value.name, std::move(tensor));
    }
    return weights;
}

Status Model::setWeights(const Weights& weights)
{
    HostSegments host(m_impl->layout);
    size_t used = 0;
    for (const ir::Value& value : m_impl->layout.values) {
        if (!isWeight(value))
            continue;
        auto it = weights.find(value.name);
        if (it == weights.end())
            return invalidArgument(
                "The weight \"" + value.name + "\" of the drawing is missing.", value.node);
        if (it->second.type() != value.type)
            return invalidArgument("The weight \"" + value.name + "\" is " + it->second.shape().toString() +
                                       " " + nameOf(it->second.dtype()) + " but the drawing needs " +
                                       value.type.shape.toString() + " " + nameOf(value.type.dtype) + ".",
                value.node);
        const auto values = it->second.floats();
        std::copy(values.begin(), values.end(), host.of(value).begin());
        ++used;
    }
    if (used != weights.size())
        for (const auto& [name, tensor] : weights)
            if (const auto id = m_impl->layout.find(name); id == ir::noValue || !isWeight(m_impl->layout[id]))
                return invalidArgument("The drawing has no place for the weight \"" + name + "\".");
    host.upload(m_impl->memory);
    return {};
}

Status Model::loadWeights(const std::filesystem::path& path)
{
    auto file = project::loadSafetensors(path);
    if (!file)
        return file.error();
    Status status = setWeights(file->tensors);
    if (!status) {
        Error error = status.error();
        error.message = path.string() + " does not fit the drawing: " + error.message;
        return error;
    }
    return {};
}

Result<LoadedProgram*> Model::program(
    const std::string& key, const std::function<Result<ir::Program>()>& build)
{
    if (auto it = m_impl->programs.find(key); it != m_impl->programs.end())
        return it->second.get();
    auto program = build();
    if (!program)
        return program.error();
    auto loaded = LoadedProgram::load(*m_impl->device, m_impl->memory, std::move(*program));
    if (!loaded)
        return loaded.error();
    return m_impl->programs.emplace(key, std::move(*loaded)).first->second.get();
}

} // namespace gradloom::train
