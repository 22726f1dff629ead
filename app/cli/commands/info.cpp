#include "app/cli/command.h"
#include "app/cli/results.h"
#include "app/cli/text_table.h"
#include "engine/graph/analysis.h"

namespace gradloom::cli {

namespace {

Json nodeJson(const graph::Node& node, const layers::LayerType* type, const graph::NodeInfo& info)
{
    Json inputs = Json::array();
    for (const auto& input : info.inputs)
        inputs.push_back(shapeJson(input.shape));
    Json outputs = Json::array();
    for (const auto& output : info.outputs)
        outputs.push_back(shapeJson(output.shape));
    return Json{{"id", node.id}, {"type", node.type}, {"title", type ? type->title : node.type},
        {"inputs", inputs}, {"outputs", outputs}, {"parameters", info.parameters},
        {"trainable", info.trainable}, {"flops", info.flops}};
}

Status runInfo(const CommonOptions& options)
{
    auto project = loadProject(options);
    if (!project)
        return project.error();
    const graph::Analysis analysis = graph::analyse(project->graph);
    const graph::Graph& graph = analysis.expanded;
    Json nodes = Json::array();
    TextTable table({"node", "layer", "options", "output", ">parameters", ">FLOPs"});
    for (const size_t index : graph::topologicalOrder(graph)) {
        const graph::Node& node = graph.nodes[index];
        const auto* type = layers::layerTypes().find(node.type);
        const graph::NodeInfo& info = analysis.expandedNodes.at(node.id);
        nodes.push_back(nodeJson(node, type, info));
        table.add({node.id, type ? type->title : node.type,
            type && type->summary && info.params.size() == type->parameters.size()
                ? type->summary(info.params)
                : "",
            info.outputs.empty() ? "" : info.outputs[0].shape.toString(), grouped(info.parameters),
            grouped(info.flops)});
    }
    table.rule();
    table.add({"sum", "", "", "", grouped(analysis.parameters), grouped(analysis.flops)});
    Json problems = Json::array();
    for (const auto& problem : analysis.problems)
        problems.push_back(
            {{"node", problem.node}, {"message", problem.message}, {"warning", problem.warning}});
    const Json json{{"name", project->name}, {"description", project->description}, {"layers", nodes},
        {"parameters", analysis.parameters}, {"trainable", analysis.trainable}, {"flops", analysis.flops},
        {"problems", problems}};
    std::string text = project->name + "\n\n" + table.toString();
    if (analysis.trainable != analysis.parameters)
        text += grouped(analysis.trainable) + " parameters are trained.\n";
    for (const auto& problem : analysis.problems)
        if (problem.warning)
            note(options, problem.message);
    if (Status status = emit(options, "info", json, text); !status)
        return status;
    return analysis.status();
}

} // namespace

Command info()
{
    return {"info", "Table of a project's layers with shapes, parameters and FLOPs", [](CLI::App& app) {
                auto options = std::make_shared<CommonOptions>();
                addCommonOptions(app, *options);
                return [options] { return runInfo(*options); };
            }};
}

} // namespace gradloom::cli
