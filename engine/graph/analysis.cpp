#include "engine/graph/analysis.h"

#include "engine/graph/expand.h"
#include "engine/graph/group_edits.h"
#include "engine/graph/adversary.h"
#include "engine/graph/node_cost.h"
#include "engine/graph/ports.h"
#include "engine/graph/proposals.h"
#include "engine/layers/layer_options.h"

#include <algorithm>
#include <limits>

namespace gradloom::graph {

namespace {

void addCapped(int64_t& sum, int64_t more)
{
    sum += std::min(more, std::numeric_limits<int64_t>::max() - sum);
}

/// Goes once through the expanded drawing in topological order.
class Analyser
{
public:
    Analyser(const Graph& graph, const layers::TargetTypes& labels) : m_graph(graph), m_labels(labels)
    {
        if (!labels.empty())
            m_first = labels.front().type;
    }

    Analysis run() &&
    {
        checkTypes();
        checkCycle();
        checkInputs();
        expandGroups();
        for (size_t index : topologicalOrder(m_result.expanded))
            visit(m_result.expanded.nodes[index]);
        sumRepetitions();
        checkGame();
        checkLoss();
        checkUnused();
        return std::move(m_result);
    }

private:
    /// `node` is drawn or a copy. A fault that a drawn node already has is not told again of its copies.
    void report(
        const Node& node, std::string message, std::vector<Proposal> proposals = {}, bool warning = false)
    {
        const Origin origin = originOf(m_graph, node.id);
        if (origin.repetition > 1) {
            if (m_result.problemOf(origin.node))
                return;
            Group once = *m_graph.groupOf(origin.node);
            message = "In repetition " + std::to_string(origin.repetition) + " of " + graph::describe(once) +
                      ": " + message;
            proposals = {doNotRepeat(once)};
        }
        m_result.problems.push_back({origin.node, std::move(message), std::move(proposals), warning});
    }

    /// The node as it is drawn: what is said of a copy is said in its name.
    const Node& drawn(const Node& node) const
    {
        const Node* found = m_graph.find(originOf(m_graph, node.id).node);
        return found ? *found : node;
    }
    std::string describe(const Node& node) const { return graph::describe(drawn(node)); }

    Proposal doNotRepeat(Group group) const
    {
        group.repeat = 1;
        const std::string title = "Do not repeat the block";
        return {title, changeGroup(m_graph, group, title)};
    }

    void expandGroups()
    {
        Expansion expansion = expand(m_graph);
        m_result.expanded = std::move(expansion.graph);
        for (GroupFault& fault : expansion.faults)
            m_result.problems.push_back({{}, std::move(fault.message),
                {doNotRepeat(*m_graph.findGroup(fault.group))}, false, fault.group});
        for (const Node& node : m_result.expanded.nodes)
            m_result.expandedNodes[node.id];
    }

    void sumRepetitions()
    {
        for (const Node& node : m_graph.nodes)
            m_result.nodes[node.id] = m_result.expandedNodes[node.id];
        for (const auto& [id, info] : m_result.expandedNodes) {
            m_result.parameters += info.parameters;
            m_result.trainable += info.trainable;
            addCapped(m_result.flops, info.flops);
            const Origin origin = originOf(m_graph, id);
            if (origin.repetition == 1)
                continue;
            NodeInfo& whole = m_result.nodes[origin.node];
            whole.repeat = std::max(whole.repeat, origin.repetition);
            whole.parameters += info.parameters;
            whole.trainable += info.trainable;
            addCapped(whole.flops, info.flops);
        }
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
        NodeInfo& info = m_result.expandedNodes[node.id];
        m_openTarget = -1;
        auto params = completeOptions(*type, node.params, node.id);
        if (!params) {
            report(node, params.error().message, optionProposals(m_graph, drawn(node)));
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
        const auto edges = inputEdges(m_result.expanded, node);
        if (type.variadic && edges.size() < 2) {
            const std::string has = edges.empty() ? "none" : "one";
            const int port = edges.empty() || edges[0]->toPort != 0 ? 0 : 1;
            report(node,
                describe(node) + " needs at least two inputs but has " + has + ". Connect another one.",
                connectProposals(m_graph, drawn(node), port));
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
            if (takesLabels(type, port)) {
                input = m_first.value_or(TensorType{Shape(), DType::I32});
                m_openTarget = port;
            }
            if (type.inputs[static_cast<size_t>(port)].optional)
                return true;
            const bool only = type.inputs.size() == 1;
            const std::string which = only ? "" : " at \"" + inputPortName(node, port) + "\"";
            report(node, describe(node) + " has no input" + which + ". Connect the result of another node.",
                connectProposals(m_graph, drawn(node), port));
            return false;
        }
        const auto source = m_result.expandedNodes.find(edge->from);
        const Node* from = m_result.expanded.find(edge->from);
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
        layers::Inferred inferred = wrong ? layers::Inferred(*wrong) : type.infer(info.params, info.inputs);
        if (m_openTarget >= 0 && !m_first)
            inferred = assumeTarget(type, info, std::move(inferred));
        if (node.type == labelsType && !inferred.fault)
            inferred.fault = checkLabels(node, info.params);
        if (inferred.fault) {
            report(node, inferred.fault->message,
                repairProposals(m_graph, drawn(node), inferred.fault->repairs));
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

    /// No data set is known, so an unconnected target is what its loss can work with: a class, a token for each step,
    /// numbers like the prediction. From then on the other losses get the same.
    layers::Inferred assumeTarget(const layers::LayerType& type, NodeInfo& info, layers::Inferred asClass)
    {
        const auto port = static_cast<size_t>(m_openTarget);
        std::vector<TensorType> candidates{info.inputs[port]};
        if (const Shape& prediction = info.inputs[0].shape; asClass.fault && prediction.rank() > 0) {
            std::vector<int64_t> steps = prediction.toVector();
            steps.pop_back();
            candidates.push_back({Shape(steps), DType::I32});
            candidates.push_back({prediction, DType::F32});
        }
        for (const TensorType& candidate : candidates) {
            std::vector<TensorType> inputs = info.inputs;
            inputs[port] = candidate;
            layers::Inferred inferred = type.infer(info.params, inputs);
            if (inferred.fault)
                continue;
            info.inputs = std::move(inputs);
            m_first = candidate;
            return inferred;
        }
        return asClass;
    }

    /// A Labels node against the data set, and against the other Labels nodes where none is known.
    std::optional<layers::Fault> checkLabels(const Node& node, const Params& params)
    {
        const std::string& name = params.text("target");
        const TensorType wanted = layers::labelsDataType(params);
        const auto same = [&](const layers::TargetType& target) { return target.name == name; };
        const TensorType* known = name.empty() && m_first ? &*m_first : nullptr;
        if (const auto it = std::find_if(m_labels.begin(), m_labels.end(), same); it != m_labels.end())
            known = &it->type;
        if (!known && !m_labels.empty() && m_complete) {
            std::string names;
            for (const auto& target : m_labels)
                names += (names.empty() ? "\"" : ", \"") + target.name + "\"";
            return layers::Fault{describe(node) + ": the data set has no target \"" + name + "\", only " + names +
                                     ". Name one of these, or none for the first.",
                {}};
        }
        if (!known) {
            if (name.empty())
                m_first = wanted;
            else
                m_labels.push_back({name, wanted});
            return {};
        }
        if (*known == wanted)
            return {};
        const auto text = [](const TensorType& type) {
            const bool oneClass = type.dtype == DType::I32 && type.shape.rank() == 0;
            return oneClass ? std::string("a class")
                            : (type.dtype == DType::I32 ? "tokens " : "numbers ") + type.shape.toString();
        };
        return layers::Fault{describe(node) + " takes " + text(wanted) + " but the target " +
                                 (name.empty() ? "" : "\"" + name + "\" ") + "is " + text(*known) +
                                 ". Set its encoding and shape to that.",
            {}};
    }

    void count(const Node& node, const layers::LayerType& type, NodeInfo& info)
    {
        if (type.role == layers::Role::Data)
            return;
        auto cost = costOf(drawn(node), type, info.params, info.inputs, info.outputs);
        if (!cost) {
            info.outputs.clear();
            report(node, cost.error().message);
            return;
        }
        const bool frozen = info.params.has("frozen") && info.params.flag("frozen");
        info.parameters = cost->weights;
        info.trainable = frozen ? 0 : cost->weights;
        info.flops = cost->flops;
    }

    /// What else is wrong has been said; a missing connection explains itself better at its node.
    void checkGame()
    {
        if (!m_result.valid())
            return;
        const auto game = findAdversary(m_result.expanded);
        if (!game)
            m_result.problems.push_back({game.error().node, game.error().message, {}, false});
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
                lossProposals(m_graph, m_result, m_first.value_or(TensorType{Shape(), DType::I32})), true});
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
    layers::TargetTypes m_labels;
    const bool m_complete = !m_labels.empty(); ///< m_labels is the data set's; else what Labels nodes say
    std::optional<TensorType> m_first;         ///< the first target, where known or assumed
    int m_openTarget = -1;                     ///< of the node being visited: its unconnected port `target`
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

const Problem* Analysis::problemOfGroup(const std::string& group) const
{
    auto it =
        std::find_if(problems.begin(), problems.end(), [&](const Problem& p) { return p.group == group; });
    return it == problems.end() ? nullptr : &*it;
}

Status Analysis::status() const
{
    auto it = std::find_if(problems.begin(), problems.end(), [](const Problem& p) { return !p.warning; });
    return it == problems.end() ? Status() : invalidArgument(it->message, it->node);
}

Analysis analyse(const Graph& graph, const layers::TargetTypes& labels)
{
    return Analyser(graph, labels).run();
}

} // namespace gradloom::graph
