#include "engine/compile/lower.h"

#include "engine/compile/plan.h"
#include "engine/graph/ports.h"

#include <algorithm>

namespace gradloom::compile {

namespace {

using layers::LowerContext;

/// Result of one node on its way into the whole.
void collect(Lowered& lowered, const LowerContext& context)
{
    lowered.generative = lowered.generative || context.generative;
    const bool adversarial = lowered.game && context.node == lowered.game->objective;
    for (const auto& loss : context.losses)
        lowered.losses.push_back({context.node, loss.perSample, loss.share, adversarial});
    for (const auto& metric : context.metrics)
        lowered.metrics.push_back(metric);
    lowered.maxNorms.insert(lowered.maxNorms.end(), context.maxNorms.begin(), context.maxNorms.end());
    for (ir::ValueId penalty : context.penalties)
        lowered.penalty = lowered.penalty == ir::noValue ? penalty : lowered.builder.add(lowered.penalty, penalty);
    // The first loss says what a prediction is.
    if (lowered.scores == ir::noValue && context.scores != ir::noValue) {
        lowered.scores = context.scores;
        lowered.probabilities = context.probabilities;
    }
    if (context.probabilities != ir::noValue && context.truth != ir::noValue)
        lowered.answers.push_back(
            {context.node, context.probabilities, context.truth, context.classes, context.steps});
}

using Results = std::map<std::string, std::vector<ir::ValueId>>;

/// What all nodes are lowered with.
struct Drawing
{
    const graph::Graph& graph; ///< repeated groups written out
    const graph::Analysis& analysis;
    const LowerOptions& options;
};

/// One node, its inputs taken from `results`, which then holds its own.
LowerContext lowerNode(
    const Drawing& drawing, const graph::Node& node, ir::Builder& builder, Results& results, const layers::Judged* judged)
{
    const auto& type = *layers::layerTypes().find(node.type);
    const graph::NodeInfo& info = drawing.analysis.expandedNodes.at(node.id);
    LowerContext context(builder, node.id, drawing.options.training);
    context.generate = drawing.options.generate;
    context.side = drawing.options.side;
    context.share = drawing.options.share;
    context.share.samples = drawing.options.batch;
    context.judged = judged;
    context.params = info.params;
    context.outputTypes = info.outputs;
    context.labels = drawing.options.labels;
    context.inputTypes = info.inputs;
    for (const graph::Edge* edge : graph::inputEdges(drawing.graph, node))
        context.inputs.push_back(edge ? results.at(edge->from)[static_cast<size_t>(edge->fromPort)] : ir::noValue);
    // Behind the meeting of real and fake samples there are twice as many.
    const bool follows = !context.inputs.empty() && context.inputs[0] != ir::noValue;
    context.batch = follows ? builder.shape(context.inputs[0])[0] : drawing.options.batch;
    builder.setNode(node.id);
    results[node.id] = type.lower(context);
    builder.setNode({});
    return context;
}

/// The score that the discriminator gives to other samples, with the same weights.
ir::ValueId judgeAgain(const Drawing& drawing, Lowered& lowered, ir::ValueId samples)
{
    const graph::Adversary& game = *lowered.game;
    Results results = lowered.nodes;
    results[game.meeting] = {samples};
    const std::string before = lowered.builder.setNode({});
    const size_t updates = lowered.builder.program().updates.size();
    for (size_t index : graph::topologicalOrder(drawing.graph))
        if (const graph::Node& node = drawing.graph.nodes[index]; game.between.contains(node.id))
            lowerNode(drawing, node, lowered.builder, results, nullptr);
    // Running statistics follow the real and fake samples only.
    lowered.builder.program().updates.resize(updates);
    lowered.builder.setNode(before);
    const graph::Edge* edge = drawing.graph.edgeInto(game.objective, 0);
    return results.at(edge->from)[static_cast<size_t>(edge->fromPort)];
}

/// Topological, the generator first.
std::vector<size_t> loweringOrder(const graph::Graph& graph, const std::optional<graph::Adversary>& game)
{
    std::vector<size_t> order = graph::topologicalOrder(graph);
    if (game)
        std::stable_partition(order.begin(), order.end(),
            [&](size_t index) { return game->generator.contains(graph.nodes[index].id); });
    return order;
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

void lowerAll(const Drawing& drawing, Lowered& lowered)
{
    const auto& game = lowered.game;
    for (size_t index : loweringOrder(drawing.graph, game)) {
        const graph::Node& node = drawing.graph.nodes[index];
        layers::Judged judged;
        const bool judges = game && node.id == game->objective && drawing.options.side != layers::Side::None;
        if (judges)
            judged = {lowered.nodes.at(game->meeting)[0],
                [&](ir::ValueId samples) { return judgeAgain(drawing, lowered, samples); }};
        collect(lowered, lowerNode(drawing, node, lowered.builder, lowered.nodes, judges ? &judged : nullptr));
        if (game && game->generator.contains(node.id))
            lowered.generatorElements = lowered.builder.program().parameterElements;
    }
    if (game)
        lowered.generated = lowered.nodes.at(game->fakeNode)[static_cast<size_t>(game->fakePort)];
    else
        lowered.generated = lowered.probabilities;
    nameOutputs(lowered, drawing.options);
    multiplyUniqueRows(lowered.builder);
}

} // namespace

Result<Lowered> lower(const graph::Graph& graph, const LowerOptions& options)
{
    const graph::Analysis analysis = graph::analyse(graph, options.labels);
    if (auto status = analysis.status(); !status)
        return status.error();
    auto game = graph::findAdversary(analysis.expanded);
    if (!game)
        return game.error();
    Lowered lowered;
    lowered.game = std::move(*game);
    lowered.generative = lowered.game.has_value();
    try {
        lowerAll({analysis.expanded, analysis, options}, lowered);
    } catch (const std::overflow_error& error) {
        return invalidArgument("With a batch of " + std::to_string(options.batch) + " the network is too large: " +
            error.what() + " Use a smaller batch.");
    } catch (const ir::NotDifferentiable& error) {
        return invalidArgument("The gradient penalty differentiates twice, which \"" + error.node() +
                "\" does not allow. Take it out of the discriminator, or set the penalty to 0.",
            error.node());
    }
    return lowered;
}

} // namespace gradloom::compile
