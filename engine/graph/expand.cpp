#include "engine/graph/expand.h"

#include "engine/graph/ports.h"

#include <algorithm>
#include <charconv>
#include <iterator>
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

bool isData(const Node& node)
{
    const auto* type = typeOf(node);
    return type && type->role == layers::Role::Data;
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
            const bool from = holds(edge.from), to = holds(edge.to);
            if (from && !to)
                addOnce(m_leaving, {edge.from, edge.fromPort});
            if (to && !from)
                if (const Node* node = graph.find(edge.to); node && !isOptional(*node, edge.toPort))
                    addOnce(m_entering, {edge.from, edge.fromPort});
        }
        if (m_leaving.empty())
            findOpenEnds();
    }

    /// Empty where the block can be repeated.
    std::string fault() const
    {
        const std::string begin = "The block " + describe(m_group) + " cannot be repeated: ";
        for (const Node& node : m_graph.nodes)
            if (holds(node.id) && isData(node))
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

    /// Adds the copies to the drawing that the block was made of; the block is of no use afterwards.
    void writeOut(Graph& graph) const
    {
        Graph copies;
        for (int repetition = 2; repetition <= m_group.repeat; ++repetition)
            addCopy(copies, repetition);
        const Source& result = m_leaving.front();
        for (Edge& edge : graph.edges)
            if (edge.from == result.node && edge.fromPort == result.port && !holds(edge.to))
                edge.from = copyId(result.node, m_group.repeat);
        std::move(copies.nodes.begin(), copies.nodes.end(), std::back_inserter(graph.nodes));
        std::move(copies.edges.begin(), copies.edges.end(), std::back_inserter(graph.edges));
    }

private:
    bool holds(const std::string& node) const { return m_members.contains(node); }

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

    void addCopy(Graph& copies, int repetition) const
    {
        for (const Node& node : m_graph.nodes)
            if (holds(node.id)) {
                copies.nodes.push_back(node);
                copies.nodes.back().id = copyId(node.id, repetition);
            }
        const Source& result = m_leaving.front();
        const std::string previous = repetition == 2 ? result.node : copyId(result.node, repetition - 1);
        for (const Edge& edge : m_graph.edges) {
            if (!holds(edge.to))
                continue;
            Edge copy{edge.from, edge.fromPort, copyId(edge.to, repetition), edge.toPort};
            if (holds(edge.from))
                copy.from = copyId(edge.from, repetition);
            else if (Source{edge.from, edge.fromPort} == m_entering.front()) {
                copy.from = previous;
                copy.fromPort = result.port;
            }
            copies.edges.push_back(std::move(copy));
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
        const size_t copies = group.nodes.size() * static_cast<size_t>(group.repeat - 1);
        if (result.graph.nodes.size() + copies > maxExpandedNodes) {
            result.faults.push_back(
                {group.id, "With " + describe(group) + " repeated " + std::to_string(group.repeat) +
                               " times the network has more than " + std::to_string(maxExpandedNodes) +
                               " layers. Repeat it less often."});
            continue;
        }
        const Block block(result.graph, group);
        if (std::string fault = block.fault(); !fault.empty())
            result.faults.push_back({group.id, std::move(fault)});
        else
            block.writeOut(result.graph);
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
