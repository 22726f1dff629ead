#include "engine/base/file.h"
#include "engine/graph/ports.h"
#include "engine/project/project.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace gradloom::project {

namespace {

/// Keeps the keys in the order in which they are set.
using Json = nlohmann::ordered_json;

/// A value on one line with a blank after each comma, as people write it; Json::dump has no such form.
std::string line(const Json& value)
{
    std::string text;
    if (value.is_object()) {
        for (const auto& [key, member] : value.items())
            text += (text.empty() ? "" : ", ") + line(Json(key)) + ": " + line(member);
        return "{" + text + "}";
    }
    if (value.is_array()) {
        for (const auto& element : value)
            text += (text.empty() ? "" : ", ") + line(element);
        return "[" + text + "]";
    }
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json optionsJson(const Params& params)
{
    Json object = Json::object();
    for (const auto& [key, value] : params)
        std::visit([&, name = key](const auto& typed) { object[name] = typed; }, value);
    return object;
}

Json choiceJson(const Choice& choice)
{
    return {{"type", choice.type}, {"options", optionsJson(choice.params)}};
}

/// 40 instead of 40.0: positions are mostly whole.
Json coordinate(double value)
{
    const bool whole = std::abs(value) <= graph::maxCoordinate && value == std::floor(value);
    return whole ? Json(static_cast<int64_t>(value)) : Json(value);
}

Json nodeJson(const graph::Node& node)
{
    const auto* type = graph::typeOf(node);
    return {{"id", node.id}, {"type", node.type}, {"version", type ? type->version : 1},
        {"at", Json::array({coordinate(node.position.x), coordinate(node.position.y)})},
        {"options", optionsJson(node.params)}};
}

Json edgeJson(const graph::Edge& edge)
{
    Json object{{"from", edge.from}};
    if (edge.fromPort != 0)
        object["from_port"] = edge.fromPort;
    object["to"] = edge.to;
    if (edge.toPort != 0)
        object["to_port"] = edge.toPort;
    return object;
}

Json groupJson(const graph::Group& group)
{
    Json object{{"id", group.id}, {"title", group.title}, {"nodes", group.nodes}};
    if (group.repeat != 1)
        object["repeat"] = group.repeat;
    if (group.collapsed)
        object["collapsed"] = true;
    return object;
}

/// A member of the file whose value stands on one line.
std::string member(const char* indent, const char* key, const Json& value)
{
    return std::string(indent) + "\"" + key + "\": " + line(value);
}

/// A list with one entry a line, so that a change of one node is a change of one line.
template <typename T>
std::string listMember(const char* key, const std::vector<T>& entries, Json (*toJson)(const T&))
{
    std::string text = "  \"" + std::string(key) + "\": [";
    for (size_t i = 0; i < entries.size(); ++i)
        text += (i ? ",\n    " : "\n    ") + line(toJson(entries[i]));
    return text + (entries.empty() ? "]" : "\n  ]");
}

} // namespace

std::string formatProject(const Project& project)
{
    const char* outer = "  ";
    const char* inner = "    ";
    const Training& training = project.training;
    std::string text = "{\n";
    text += member(outer, "format", currentFormat) + ",\n";
    text += member(outer, "name", project.name) + ",\n";
    text += member(outer, "description", project.description) + ",\n";
    text += member(outer, "expected", project.expected) + ",\n";
    text += "  \"data\": {\n";
    text += member(inner, "source", choiceJson(project.data.source)) + ",\n";
    text += member(inner, "preprocess", project.data.preprocess);
    if (project.data.augment.size() > 0)
        text += ",\n" + member(inner, "augment", optionsJson(project.data.augment));
    text += "\n  },\n";
    text += listMember("nodes", project.graph.nodes, nodeJson) + ",\n";
    text += listMember("edges", project.graph.edges, edgeJson) + ",\n";
    text += listMember("groups", project.graph.groups, groupJson) + ",\n";
    text += "  \"training\": {\n";
    text += member(inner, "optimizer", choiceJson(training.optimizer)) + ",\n";
    if (training.generatorOptimizer)
        text += member(inner, "generator_optimizer", choiceJson(*training.generatorOptimizer)) + ",\n";
    text += member(inner, "schedule", choiceJson(training.schedule)) + ",\n";
    text += member(inner, "batch", training.batch) + ",\n";
    text += member(inner, "epochs", training.epochs) + ",\n";
    text += member(inner, "seed", training.seed) + ",\n";
    text += member(inner, "validation_share", training.validationShare);
    if (training.options.size() > 0)
        text += ",\n" + member(inner, "options", optionsJson(training.options));
    text += "\n  }\n}\n";
    return text;
}

Result<Project> loadProject(const std::filesystem::path& path)
{
    auto text = readFile(path, maxProjectBytes);
    if (!text)
        return text.error();
    return parseProject(*text, path.string());
}

Status saveProject(const Project& project, const std::filesystem::path& path)
{
    const std::string text = formatProject(project);
    if (auto readable = parseProject(text, path.string()); !readable)
        return invalidArgument(
            "The project is not saved, it could not be read back: " + readable.error().message);
    return writeFileAtomically(path, text);
}

} // namespace gradloom::project
