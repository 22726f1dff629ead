#include "engine/graph/analysis.h"

#include "engine/graph/node_cost.h"
#include "engine/graph/ports.h"
#include "engine/graph/proposals.h"
#include "engine/layers/layer_options.h"

#include <algorithm>
#include <limits>

namespace gradloom::graph {

namespace {

/// Goes once through the drawing in topological order.
class Analyser
{
public:
    Analyser(const Graph& graph, const TensorType& labels) : m_graph(graph), m_labels(labels) {}

    Analysis run() &&
    {
        for (const Node& node : m_graph.nodes)
            m_result.nodes[node.id];
        checkTypes();
        checkCycle();
        checkInputs();
        for (size_t index : topologicalOrder(m_graph))
            visit(m_graph.nodes[index]);
        checkLoss();
        checkUnused();
        return std::move(m_result);
    }

private:
    void report(
        const Node& node, std::string message, std::vector<Proposal> proposals = {}, bool warning = false)
    {
        m_result.problems.push_back({node.id, std::move(message), std::move(proposals), warning});
    }

    void checkTypes()
    {
        for (const Node& node : m_graph.nodes)
            if (!typeOf(node))
                report(node, node.id + ": there is no layer \"" + node.type + "\". Remove it.",
                    removeProposals(m_graph, node));
    }

    void checkCycle()
    {
        const auto cycle = findCycle(m_graph);
        if (cycle.empty())
            return;
        std::string path = cycle.front().from;
        for (const Edge& edge : cycle)
            path += " → " + edge.to;
        report(*m_graph.find(cycle.front().from),
            "The connections form a circle: " + path + ". Remove one of them.",
            cycleProposals(m_graph, cycle));
    }

    void checkInputs()
    {
        const Node* first = nullptr;
        for (const Node& node : m_graph.nodes) {
            if (node.type != inputType)
                continue;
            if (first)
                report(node,
                    "Only one Input is supported for now, but besides " + first->id + " there is " + node.id +
                        ". Use " + first->id + " in its place.",
                    mergeInputsProposals(m_graph, *first, node));
            else
                first = &node;
        }
        if (first)
            return;
        const std::string what = m_graph.nodes.empty() ? "The drawing is empty" : "The drawing has no Input";
        m_result.problems.push_back(
            {{}, what + ". Add an Input: the samples enter there.", inputProposals(m_graph), false});
    }

    void visit(const Node& node)
    {
        const auto* type = typeOf(node);
        if (!type)
            return;
        NodeInfo& info = m_result.nodes[node.id];
        auto params = completeOptions(*type, node.params, node.id);
        if (!params) {
            report(node, params.error().message, optionProposals(m_graph, node));
            return;
        }
        info.params = std::move(*params);
        if (!collectInputs(node, *type, info))
            return;
        // A layer's rule that throws is a mistake in that layer; the window must survive it.
        try {
            infer(node, *type, info);
        } catch (const std::exception& mistake) {
            info.outputs.clear();
            report(node, describe(node) + " cannot be built: " + mistake.what() + ".");
        }
    }

    /// Types at the input ports; false where one is missing or unknown.
    bool collectInputs(const Node& node, const layers::LayerType& type, NodeInfo& info)
    {
        const auto edges = inputEdges(m_graph, node);
        if (type.variadic && edges.size() < 2) {
            const std::string has = edges.empty() ? "none" : "one";
            const int port = edges.empty() || edges[0]->toPort != 0 ? 0 : 1;
            report(node,
                describe(node) + " needs at least two inputs but has " + has + ". Connect another one.",
                connectProposals(m_graph, node, port));
            return false;
        }
        bool known = true;
        std::vector<TensorType> inputs(edges.size());
        for (size_t port = 0; port < edges.size(); ++port)
            known = inputAt(node, type, static_cast<int>(port), edges[port], inputs[port]) && known;
        if (known)
            info.inputs = std::move(inputs);
        return known;
    }

    bool inputAt(
        const Node& node, const layers::LayerType& type, int port, const Edge* edge, TensorType& input)
    {
        if (!edge) {
            if (takesLabels(type, port))
                input = m_labels;
            if (type.inputs[static_cast<size_t>(port)].optional)
                return true;
            const bool only = type.inputs.size() == 1;
            const std::string which = only ? "" : " at \"" + inputPortName(node, port) + "\"";
            report(node, describe(node) + " has no input" + which + ". Connect the result of another node.",
                connectProposals(m_graph, node, port));
            return false;
        }
        const auto source = m_result.nodes.find(edge->from);
        const Node* from = m_graph.find(edge->from);
        if (!from || edge->fromPort < 0 || edge->fromPort >= outputPorts(*from)) {
            report(node, describe(node) + " is connected to a port of " + edge->from + " that is not there.",
                {{"Remove the connection", {RemoveEdge{*edge}, "Remove the connection", false}}});
            return false;
        }
        if (source->second.outputs.empty())
            return false; // what is wrong there has been said there
        input = source->second.outputs[static_cast<size_t>(edge->fromPort)];
        return true;
    }

    /// Tokens at a port that takes numbers, or the other way round.
    static std::optional<layers::Fault> wrongKind(const layers::LayerType& type, const NodeInfo& info)
    {
        for (size_t port = 0; port < info.inputs.size(); ++port) {
            const auto takes = type.inputs[type.variadic ? 0 : port].takes;
            const bool tokens = info.inputs[port].dtype == DType::I32;
            if (takes == (tokens ? layers::Takes::Numbers : layers::Takes::Tokens))
                return layers::wrongKind(type.title, info.inputs[port], static_cast<int>(port));
        }
        return {};
    }

    void infer(const Node& node, const layers::LayerType& type, NodeInfo& info)
    {
        const auto wrong = wrongKind(type, info);
        const layers::Inferred inferred = wrong ? layers::Inferred(*wrong) : type.infer(info.params, info.inputs);
        if (inferred.fault) {
            report(node, inferred.fault->message, repairProposals(m_graph, node, inferred.fault->repairs));
            return;
        }
        if (inferred.outputs.size() != type.outputs.size())
            throw std::logic_error("its number of results does not match its ports");
        for (const TensorType& output : inferred.outputs) {
            auto shape = Shape::checked(output.shape.toVector());
            if (shape && shape->elements() <= maxSampleElements)
                continue;
            report(node, describe(node) + " makes " + output.shape.toString() +
                             " numbers of every sample, more than 268,435,456. Make it smaller.");
            return;
        }
        info.outputs = inferred.outputs;
        count(node, type, info);
    }

    void count(const Node& node, const layers::LayerType& type, NodeInfo& info)
    {
        if (type.role == layers::Role::Data)
            return;
        auto cost = costOf(node, type, info.params, info.inputs, info.outputs);
        if (!cost) {
            info.outputs.clear();
            report(node, cost.error().message);
            return;
        }
        const bool frozen = info.params.has("frozen") && info.params.flag("frozen");
        info.parameters = cost->weights;
        info.trainable = frozen ? 0 : cost->weights;
        info.flops = cost->flops;
        m_result.parameters += info.parameters;
        m_result.trainable += info.trainable;
        const int64_t room = std::numeric_limits<int64_t>::max() - m_result.flops;
        m_result.flops += std::min(room, info.flops);
    }

    bool hasLoss() const
    {
        return std::any_of(m_graph.nodes.begin(), m_graph.nodes.end(), [](const Node& node) {
            const auto* type = typeOf(node);
            return type && type->role == layers::Role::Loss;
        });
    }

    void checkLoss()
    {
        if (m_graph.nodes.empty())
            return;
        if (!hasLoss()) {
            m_result.problems.push_back({{},
                "The drawing has no loss: it can be looked at but not trained. Add a loss behind its last "
                "layer.",
                lossProposals(m_graph, m_result, m_labels), true});
            return;
        }
        if (m_result.valid() && m_result.trainable == 0)
            m_result.problems.push_back({{},
                "There is nothing to learn: no layer has weights that are trained. Add a Dense or Conv2D "
                "layer, or unfreeze one.",
                {}, true});
    }

    void checkUnused()
    {
        if (!hasLoss())
            return; // then every path ends openly
        for (const Node& node : m_graph.nodes) {
            bool used = outputPorts(node) == 0;
            for (int port = 0; port < outputPorts(node); ++port)
                used = used || m_graph.isUsed(node.id, port);
            if (!used && !m_result.problemOf(node.id))
                report(node, "The result of " + describe(node) + " is not used. Connect it, or remove it.",
                    removeProposals(m_graph, node), true);
        }
    }

    const Graph& m_graph;
    TensorType m_labels;
    Analysis m_result;
};

} // namespace

bool Analysis::valid() const
{
    return std::all_of(problems.begin(), problems.end(), [](const Problem& p) { return p.warning; });
}

const Problem* Analysis::problemOf(const std::string& node) const
{
    auto it = std::find_if(
        problems.begin(), problems.end(), [&](const Problem& p) { return p.node == node && !p.warning; });
    return it == problems.end() ? nullptr : &*it;
}

Status Analysis::status() const
{
    auto it = std::find_if(problems.begin(), problems.end(), [](const Problem& p) { return !p.warning; });
    return it == problems.end() ? Status() : invalidArgument(it->message, it->node);
}

Analysis analyse(const Graph& graph, const TensorType& labels)
{
    return Analyser(graph, labels).run();
}

} // namespace gradloom::graph
