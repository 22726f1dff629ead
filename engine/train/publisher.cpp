#include "engine/train/publisher.h"

#include "engine/graph/expand.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradloom::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto shortestInterval = std::chrono::milliseconds(250);
/// A snapshot that took t is followed by none for this many t: at most 0.5 % of the time goes into snapshots.
constexpr int restFactor = 200;
constexpr size_t bins = 33;

float norm(std::span<const float> values, double& sum)
{
    for (const float value : values)
        sum += static_cast<double>(value) * value;
    return static_cast<float>(std::sqrt(sum));
}

/// Nodes with something to show: those whose result is a number tensor.
std::vector<std::string> shownNodes(const graph::Graph& graph, const ir::Program& program)
{
    std::vector<std::string> nodes;
    for (const graph::Node& node : graph.nodes)
        if (const auto it = program.outputs.find("node:" + node.id);
            it != program.outputs.end() && program.typeOf(it->second).dtype == DType::F32)
            nodes.push_back(node.id);
    return nodes;
}

Result<ir::Program> probeProgram(
    const graph::Graph& graph, const layers::TargetTypes& labels, const graph::Graph& expanded)
{
    ProgramOptions options;
    options.labels = labels;
    for (const graph::Node& node : expanded.nodes)
        options.watch.push_back(node.id);
    return forwardProgram(graph, options);
}

} // namespace

Result<ir::Program> Publisher::makeProgram(const graph::Graph& graph, const layers::TargetTypes& labels)
{
    return probeProgram(graph, labels, graph::expand(graph).graph);
}

Result<std::unique_ptr<Publisher>> Publisher::create(Model& model, const Tensor& sample, const RunData& data)
{
    const graph::Graph expanded = graph::expand(model.graph()).graph;
    auto program =
        model.program("probe", [&] { return probeProgram(model.graph(), model.labels(), expanded); });
    if (!program)
        return program.error();
    std::unique_ptr<Publisher> publisher(new Publisher(model, **program));
    publisher->m_nodes = shownNodes(expanded, (*program)->program());
    for (const ir::Value& value : model.layout().values) {
        if (value.segment != ir::Segment::Parameters)
            continue;
        auto& layers = publisher->m_layers;
        auto layer =
            std::find_if(layers.begin(), layers.end(), [&](const Layer& l) { return l.node == value.node; });
        if (layer == layers.end())
            layer = layers.insert(layers.end(), Layer{value.node, {}});
        layer->ranges.emplace_back(value.offset, value.type.shape.elements());
    }
    publisher->m_parameters.resize(static_cast<size_t>(model.layout().parameterElements));
    publisher->m_gradients.resize(publisher->m_parameters.size());
    (*program)->write("input", sample);
    auto pictures = PictureMaker::create(model, data);
    if (!pictures)
        return pictures.error();
    publisher->m_pictures = std::move(*pictures);
    return publisher;
}

std::unique_ptr<Snapshot> Publisher::make(int64_t step, const Stepper& stepper)
{
    const auto begin = Clock::now();
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->step = step;
    m_program.run();
    for (const std::string& node : m_nodes) {
        const std::string name = "node:" + node;
        Tensor values(m_program.outputType(name).shape.withoutFirst());
        m_program.read(name, values.floats());
        snapshot->activations.push_back({node, std::move(values)});
    }
    if (!m_parameters.empty()) {
        m_model.memory().parameters->download(std::as_writable_bytes(std::span(m_parameters)), 0);
        stepper.readGradients(m_gradients);
    }
    if (m_pictures)
        m_pictures->make(*snapshot);
    for (const Layer& layer : m_layers)
        snapshot->layers.push_back(health(layer));
    const auto end = Clock::now();
    m_next = end + std::max<Clock::duration>(shortestInterval, restFactor * (end - begin));
    return snapshot;
}

LayerHealth Publisher::health(const Layer& layer) const
{
    LayerHealth result;
    result.node = layer.node;
    result.histogram.assign(bins, 0.0f);
    const auto part = [](const std::vector<float>& all, const std::pair<int64_t, int64_t>& range) {
        return std::span(all).subspan(static_cast<size_t>(range.first), static_cast<size_t>(range.second));
    };
    double gradientSum = 0;
    double weightSum = 0;
    float low = std::numeric_limits<float>::max();
    float high = std::numeric_limits<float>::lowest();
    for (const auto& range : layer.ranges) {
        result.gradientNorm = norm(part(m_gradients, range), gradientSum);
        result.weightNorm = norm(part(m_parameters, range), weightSum);
        for (const float value : part(m_parameters, range)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    if (!std::isfinite(low) || !std::isfinite(high) || !std::isfinite(weightSum))
        return result;
    result.low = low;
    result.high = high;
    const float perBin = high > low ? static_cast<float>(bins) / (high - low) : 0.0f;
    for (const auto& range : layer.ranges)
        for (const float value : part(m_parameters, range))
            ++result.histogram[std::min(bins - 1, static_cast<size_t>((value - low) * perBin))];
    return result;
}

} // namespace gradloom::train
