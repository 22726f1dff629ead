#include "engine/compile/lower.h"

#include "engine/graph/ports.h"

namespace gradloom::compile {

namespace {

using layers::LowerContext;

/// Result of one node on its way into the whole.
void collect(Lowered& lowered, const LowerContext& context)
{
    for (const auto& loss : context.losses)
        lowered.losses.push_back({context.node, loss.perSample, loss.share});
    for (const auto& metric : context.metrics)
        lowered.metrics.push_back(metric);
    lowered.maxNorms.insert(lowered.maxNorms.end(), context.maxNorms.begin(), context.maxNorms.end());
    for (ir::ValueId penalty : context.penalties)
        lowered.penalty = lowered.penalty == ir::noValue ? penalty : lowered.builder.add(lowered.penalty, penalty);
    // The first loss says what a prediction is.
    if (lowered.scores == ir::noValue && context.scores != ir::noValue) {
        lowered.scores = context.scores;
        lowered.probabilities = context.probabilities;
        lowered.target = context.truth;
        lowered.classes = context.classes;
        lowered.steps = context.steps;
    }
}

void lowerNode(Lowered& lowered, const graph::Graph& graph, const graph::Node& node, const graph::NodeInfo& info,
    const LowerOptions& options)
{
    const auto& type = *layers::layerTypes().find(node.type);
    LowerContext context(lowered.builder, node.id, options.training);
    context.batch = options.batch;
    context.params = info.params;
    context.outputTypes = info.outputs;
    context.labels = options.labels;
    context.inputTypes = info.inputs;
    for (const graph::Edge* edge : graph::inputEdges(graph, node))
        context.inputs.push_back(
            edge ? lowered.nodes.at(edge->from)[static_cast<size_t>(edge->fromPort)] : ir::noValue);
    lowered.builder.setNode(node.id);
    lowered.nodes[node.id] = type.lower(context);
    lowered.builder.setNode({});
    collect(lowered, context);
}

void nameOutputs(Lowered& lowered, const LowerOptions& options)
{
    for (const auto& node : options.watch)
        if (auto it = lowered.nodes.find(node); it != lowered.nodes.end() && !it->second.empty())
            lowered.builder.output("node:" + node, it->second[0]);
    const ir::Program& program = lowered.builder.program();
    lowered.input = program.find("input");
    lowered.labels = program.find("labels");
    lowered.random = program.find("random");
}

void lowerAll(Lowered& lowered, const graph::Analysis& analysis, const LowerOptions& options)
{
    const graph::Graph& graph = analysis.expanded;
    for (size_t index : graph::topologicalOrder(graph)) {
        const graph::Node& node = graph.nodes[index];
        lowerNode(lowered, graph, node, analysis.expandedNodes.at(node.id), options);
    }
    nameOutputs(lowered, options);
}

} // namespace

Result<Lowered> lower(const graph::Graph& graph, const LowerOptions& options)
{
    const graph::Analysis analysis = graph::analyse(graph, options.labels);
    if (auto status = analysis.status(); !status)
        return status.error();
    Lowered lowered;
    try {
        lowerAll(lowered, analysis, options);
    } catch (const std::overflow_error& error) {
        return invalidArgument("With a batch of " + std::to_string(options.batch) + " the network is too large: " +
            error.what() + " Use a smaller batch.");
    }
    return lowered;
}

} // namespace gradloom::compile
