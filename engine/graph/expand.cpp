#include "engine/graph/expand.h"

#include "engine/graph/ports.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace gradloom::graph {

namespace {

/// An output port of a node.
struct Source
{
    std::string node;
    int port = 0;
    bool operator==(const Source&) const = default;
};

std::string copyId(const std::string& node, int repetition)
{
    return node + "-" + std::to_string(repetition);
}

bool isOptional(const Node& node, int port)
{
    const auto* type = typeOf(node);
    return type && !type->variadic && static_cast<size_t>(port) < type->inputs.size() &&
           type->inputs[static_cast<size_t>(port)].optional;
}

void addOnce(std::vector<Source>& sources, Source source)
{
    if (std::find(sources.begin(), sources.end(), source) == sources.end())
        sources.push_back(std::move(source));
}

/// "conv2d_1 and dense_2"
std::string listed(const std::vector<Source>& sources)
{
    std::string text;
    for (size_t i = 0; i < sources.size(); ++i)
        text += (i == 0 ? "" : i + 1 == sources.size() ? " and " : ", ") + sources[i].node;
    return text;
}

/// A group in a drawing with what crosses its border.
class Block
{
public:
    Block(const Graph& graph, const Group& group)
        : m_graph(graph), m_group(group), m_members(group.nodes.begin(), group.nodes.end())
    {
        for (const Edge& edge : graph.edges) {
            const Node* to = graph.find(edge.to);
            if (!holds(edge.from) && holds(edge.to) && to && !isOptional(*to, edge.toPort))
                addOnce(m_entering, {edge.from, edge.fromPort});
            if (holds(edge.from) && !holds(edge.to))
                addOnce(m_leaving, {edge.from, edge.fromPort});
        }
        if (m_leaving.empty())
            findOpenEnds();
    }

    /// Empty where the block can be repeated.
    std::string fault() const
    {
        const std::string begin = "The block " + describe(m_group) + " cannot be repeated: ";
        for (const Node& node : m_graph.nodes)
            if (const auto* type = typeOf(node); holds(node.id) && type && type->role == layers::Role::Data)
                return begin + describe(node) + " gives the data. Take it out of the block.";
        if (m_entering.empty())
            return begin + "nothing enters it. Connect a result to its first layer.";
        if (m_entering.size() > 1)
            return begin + std::to_string(m_entering.size()) + " results enter it, " + listed(m_entering) +
                   ", but a repetition passes on one. Let one enter.";
        if (m_leaving.empty())
            return begin + "it has no result to pass on. Put the layer that makes one into the block.";
        if (m_leaving.size() > 1)
            return begin + std::to_string(m_leaving.size()) + " results leave it, " + listed(m_leaving) +
                   ", but a repetition passes on one. Let one leave.";
        return nameClash(begin);
    }

    void writeOut(Graph& graph) const
    {
        const Source& result = m_leaving.front();
        const std::vector<Edge> edges = graph.edges;
        for (int repetition = 2; repetition <= m_group.repeat; ++repetition)
            addCopy(graph, edges, repetition);
        for (Edge& edge : graph.edges)
            if (edge.from == result.node && edge.fromPort == result.port && leaves(edge))
                edge.from = copyId(result.node, m_group.repeat);
    }

private:
    bool holds(const std::string& node) const { return m_members.contains(node); }
    /// Does this edge of the drawing go out of the block? Edges between copies do not.
    bool leaves(const Edge& edge) const
    {
        return !holds(edge.to) &&
               std::find(m_graph.edges.begin(), m_graph.edges.end(), edge) != m_graph.edges.end();
    }

    void findOpenEnds()
    {
        for (const Node& node : m_graph.nodes)
            for (int port = 0; holds(node.id) && port < outputPorts(node); ++port)
                if (!m_graph.isUsed(node.id, port))
                    m_leaving.push_back({node.id, port});
    }

    std::string nameClash(const std::string& begin) const
    {
        for (const std::string& node : m_group.nodes)
            for (int repetition = 2; repetition <= m_group.repeat; ++repetition)
                if (const std::string id = copyId(node, repetition); m_graph.find(id))
                    return begin + "its " + node + " would be repeated as " + id +
                           ", but there is a layer of this name. Rename one of them.";
        return {};
    }

    /// `edges` are those of the drawing before any copy was made.
    void addCopy(Graph& graph, const std::vector<Edge>& edges, int repetition) const
    {
        for (const std::string& id : m_group.nodes) {
            Node copy = *m_graph.find(id);
            copy.id = copyId(id, repetition);
            graph.nodes.push_back(std::move(copy));
        }
        const Source& result = m_leaving.front();
        const std::string previous = repetition == 2 ? result.node : copyId(result.node, repetition - 1);
        for (const Edge& edge : edges) {
            if (!holds(edge.to))
                continue;
            Edge copy{edge.from, edge.fromPort, copyId(edge.to, repetition), edge.toPort};
            if (holds(edge.from))
                copy.from = copyId(edge.from, repetition);
            else if (Source{edge.from, edge.fromPort} == m_entering.front()) {
                copy.from = previous;
                copy.fromPort = result.port;
            }
            graph.edges.push_back(std::move(copy));
        }
    }

    const Graph& m_graph;
    const Group& m_group;
    std::set<std::string> m_members;
    std::vector<Source> m_entering; ///< passed on from one repetition to the next
    std::vector<Source> m_leaving;
};

} // namespace

Expansion expand(const Graph& drawing)
{
    Expansion result{drawing, {}};
    result.graph.groups.clear();
    for (const Group& group : drawing.groups) {
        if (group.repeat <= 1 || group.nodes.empty())
            continue;
        // Blocks before this one are written out already, so that its source is their last repetition.
        const Graph before = result.graph;
        const Block block(before, group);
        std::string fault = block.fault();
        const size_t more = group.nodes.size() * static_cast<size_t>(group.repeat - 1);
        if (fault.empty() && before.nodes.size() + more > maxExpandedNodes)
            fault = "With " + describe(group) + " repeated " + std::to_string(group.repeat) +
                    " times the network has more than " + std::to_string(maxExpandedNodes) +
                    " layers. Repeat it less often.";
        if (fault.empty())
            block.writeOut(result.graph);
        else
            result.faults.push_back({group.id, std::move(fault)});
    }
    return result;
}

Origin originOf(const Graph& drawing, const std::string& id)
{
    const size_t dash = id.rfind('-');
    if (drawing.find(id) || dash == std::string::npos)
        return {id};
    Origin origin{id.substr(0, dash)};
    std::from_chars(id.data() + dash + 1, id.data() + id.size(), origin.repetition);
    const Group* group = drawing.groupOf(origin.node);
    const bool copy = group && origin.repetition > 1 && origin.repetition <= group->repeat &&
                      copyId(origin.node, origin.repetition) == id;
    return copy ? origin : Origin{id};
}

std::string sourceOf(const Graph& drawing, const Edge& edge)
{
    const Group* group = drawing.groupOf(edge.from);
    if (!group || group->repeat == 1 || drawing.groupOf(edge.to) == group)
        return edge.from;
    return copyId(edge.from, group->repeat);
}

std::string nameOf(const Graph& drawing, const std::string& id)
{
    const Origin origin = originOf(drawing, id);
    if (origin.repetition == 1)
        return id;
    return origin.node + ", repetition " + std::to_string(origin.repetition) + " of " +
           describe(*drawing.groupOf(origin.node));
}

std::string describe(const Group& group)
{
    return "\"" + (group.title.empty() ? group.id : group.title) + "\"";
}

} // namespace gradloom::graph
