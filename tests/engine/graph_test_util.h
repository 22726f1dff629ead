#pragma once

#include "engine/graph/chain.h"
#include "engine/project/project.h"

#include <string>

/// Small drawings that several tests need.
namespace gradloom::test {

inline graph::Node node(std::string id, std::string type, Params params = {})
{
    return graph::nodeOf(std::move(id), std::move(type), std::move(params));
}

inline constexpr double spacing = 240;

/// Nodes in one row, each connected to the one before it.
inline graph::Graph chain(std::vector<graph::Node> nodes)
{
    return graph::chainOf(std::move(nodes), spacing);
}

/// Input 8×8×1, Conv2D, Flatten, Dense, Cross-entropy: valid.
inline graph::Graph smallCnn()
{
    return chain({node("input_1", "input", {{"shape", std::vector<int64_t>{8, 8, 1}}}),
        node("conv2d_1", "conv2d", {{"filters", int64_t{4}}}), node("flatten_1", "flatten"),
        node("dense_1", "dense", {{"units", int64_t{10}}}), node("cross_entropy_1", "cross_entropy")});
}

inline project::Project smallProject()
{
    project::Project project;
    project.name = "Small";
    project.description = "A test with \"quotes\", a \\ and é — 数.";
    project.graph = smallCnn();
    project.graph.groups = {{"group_1", "Head", {"flatten_1", "dense_1"}}};
    project.data.source = {"shapes", {{"noise", 0.5}, {"size", int64_t{16}}}};
    project.training.optimizer = {"sgd", {{"learning_rate", 0.01}, {"nesterov", true}}};
    project.training.seed = 18446744073709551615u;
    project.training.validationShare = 1.0 / 12;
    return project;
}

/// The drawing in a form that tests can compare and print.
inline std::string textOf(const graph::Graph& graph)
{
    project::Project project;
    project.graph = graph;
    return project::formatProject(project);
}

} // namespace gradloom::test
