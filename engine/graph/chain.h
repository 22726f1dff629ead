#pragma once

#include "engine/graph/graph.h"

/// Drawings without branches, made in code.
namespace gradloom::graph {

inline Node nodeOf(std::string id, std::string type, Params params = {})
{
    return {std::move(id), std::move(type), std::move(params), {}};
}

/// The nodes, each connected to the one before, in a row with so much from one to the next.
inline Graph chainOf(std::vector<Node> nodes, double spacing = 0)
{
    Graph graph;
    graph.nodes = std::move(nodes);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
        graph.nodes[i].position = {static_cast<double>(i) * spacing, 0};
        if (i > 0)
            graph.edges.push_back({graph.nodes[i - 1].id, 0, graph.nodes[i].id, 0});
    }
    return graph;
}

} // namespace gradloom::graph
