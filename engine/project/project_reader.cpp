#include "engine/graph/ports.h"
#include "engine/project/migrations.h"
#include "engine/project/project.h"

#include <limits>
#include <map>
#include <set>

namespace gradloom::project {

namespace {

constexpr size_t maxNodes = 2000;
constexpr size_t maxEdges = 8000;
constexpr size_t maxGroups = 500;
constexpr size_t maxOptions = 64;
constexpr size_t maxListLength = 16;
constexpr size_t maxIdBytes = 64;
constexpr size_t maxNameBytes = 200;
constexpr size_t maxOptionBytes = 4096;
constexpr size_t maxProseBytes = 20000;

ParamValue readOption(const Item& item)
{
    const nlohmann::json& value = item.value();
    if (value.is_boolean())
        return value.get<bool>();
    if (value.is_number_integer())
        return item.integer(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 0);
    if (value.is_number_float())
        return value.get<double>();
    if (value.is_string())
        return item.text(maxOptionBytes);
    if (!value.is_array()) {
        item.report(
            "must be true, false, a number, a text or a list of whole numbers but is " + shown(value));
        return false;
    }
    std::vector<int64_t> list;
    for (const Item& element : item.elements(maxListLength))
        list.push_back(
            element.integer(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 0));
    return list;
}

Params readOptions(const Item& item)
{
    Params params;
    if (!item.present())
        return params;
    if (!item.value().is_object()) {
        item.report("must be an object but is " + shown(item.value()));
        return params;
    }
    if (item.value().size() > maxOptions) {
        item.report("has more than " + std::to_string(maxOptions) + " options");
        return params;
    }
    for (const auto& [key, value] : item.value().items()) {
        // The key stands in the place of messages: one that is no name is refused before.
        if (!graph::checkId(key)) {
            item.report("has the key " + shown(key) + ", which is not a name of an option");
            return params;
        }
        params.set(key, readOption({item.faults(), &value, item.place() + "." + key}));
    }
    return params;
}

std::string readId(const Item& item)
{
    std::string id = item.text(maxIdBytes);
    if (item.present())
        if (auto status = graph::checkId(id); !status)
            item.report(
                "cannot be " + shown(item.value()) + ": a name has 1 to 64 letters, digits, \"_\" and \"-\"");
    return id;
}

/// A registry's entry with its options.
Choice readChoice(const Item& item, const Choice& fallback)
{
    if (!item.present() || !item.isObject({"type", "options"}))
        return fallback;
    return {readId(item.required("type")), readOptions(item["options"])};
}

Data readData(const Item& item)
{
    Data data;
    if (!item.present() || !item.isObject({"source", "preprocess", "augment"}))
        return data;
    data.source = readChoice(item["source"], data.source);
    const Item preprocess = item["preprocess"];
    data.preprocess = preprocess.text(maxNameBytes, data.preprocess);
    if (data.preprocess != "scale" && data.preprocess != "centre" && data.preprocess != "standardise" &&
        data.preprocess != "none")
        preprocess.report("must be scale, centre, standardise or none but is " + shown(preprocess.value()));
    data.augment = readOptions(item["augment"]);
    return data;
}

Training readTraining(const Item& item)
{
    Training training;
    if (!item.present() ||
        !item.isObject({"optimizer", "generator_optimizer", "schedule", "batch", "epochs", "seed",
            "validation_share", "options"}))
        return training;
    training.optimizer = readChoice(item["optimizer"], training.optimizer);
    if (const Item generator = item["generator_optimizer"]; generator.present())
        training.generatorOptimizer = readChoice(generator, training.optimizer);
    training.schedule = readChoice(item["schedule"], training.schedule);
    training.batch = item["batch"].integer(1, maxBatch, training.batch);
    training.epochs = item["epochs"].integer(1, maxEpochs, training.epochs);
    training.seed = item["seed"].natural(training.seed);
    training.validationShare = item["validation_share"].real(0, maxValidationShare, training.validationShare);
    training.options = readOptions(item["options"]);
    return training;
}

void readVersion(const Item& item, const layers::LayerType& type)
{
    const int64_t version = item.integer(1, std::numeric_limits<int>::max(), type.version);
    if (version > type.version)
        item.report("is " + std::to_string(version) + ", but this program knows " + type.title +
                    " up to version " + std::to_string(type.version) +
                    "; update Gradloom to open this project");
}

graph::Node readNode(const Item& item)
{
    graph::Node node;
    if (!item.isObject({"id", "type", "version", "at", "options"}))
        return node;
    node.id = readId(item.required("id"));
    const Item typeItem = item.required("type");
    node.type = readId(typeItem);
    const auto at = item["at"].elements(2);
    if (item["at"].present() && at.size() != 2)
        item["at"].report("must be two numbers, x and y");
    for (size_t i = 0; i < at.size(); ++i)
        (i ? node.position.y : node.position.x) = at[i].real(-graph::maxCoordinate, graph::maxCoordinate, 0);
    node.params = readOptions(item["options"]);
    if (item.faults().any())
        return node;

    const auto* type = layers::layerTypes().find(node.type);
    if (!type) {
        typeItem.report("of " + node.id + " is \"" + node.type +
                        "\", a layer that this program does not know; update Gradloom or remove the node");
        return node;
    }
    readVersion(item["version"], *type);
    for (const auto& [key, value] : node.params) {
        auto checked = graph::checkOption(*type, key, value, item.place() + " (" + node.id + ")");
        if (!checked) {
            item.faults().reportSentence(checked.error().message);
            return node;
        }
        node.params.set(key, *checked);
    }
    return node;
}

std::vector<graph::Node> readNodes(const Item& item)
{
    std::vector<graph::Node> nodes;
    std::map<std::string, std::string> places;
    for (const Item& element : item.elements(maxNodes)) {
        nodes.push_back(readNode(element));
        const auto [known, fresh] = places.emplace(nodes.back().id, element.place());
        if (!fresh)
            element["id"].report("is \"" + nodes.back().id + "\", as " + known->second +
                                 " is already called; every id may occur once");
        if (item.faults().any())
            break;
    }
    return nodes;
}

/// One end of an edge: a node that exists and a port it has.
void readEnd(const Item& item, const std::map<std::string, const graph::Node*>& nodes, graph::Edge& edge)
{
    const Item from = item.required("from");
    const Item to = item.required("to");
    edge.from = readId(from);
    edge.to = readId(to);
    edge.fromPort = static_cast<int>(item["from_port"].integer(0, 1 << 16, 0));
    edge.toPort = static_cast<int>(item["to_port"].integer(0, 1 << 16, 0));
    if (item.faults().any())
        return;
    for (const Item& end : {from, to})
        if (!nodes.contains(end.value().get<std::string>())) {
            end.report("is " + shown(end.value()) + ", but there is no such node");
            return;
        }
    const graph::Node& source = *nodes.at(edge.from);
    const int outputs = graph::outputPorts(source);
    if (edge.fromPort >= outputs)
        item.report("leaves output port " + std::to_string(edge.fromPort) + " of " + edge.from +
                    ", which has " + (outputs ? std::to_string(outputs) : "none"));
    const auto& type = *graph::typeOf(*nodes.at(edge.to));
    const int inputs = type.variadic ? graph::maxInputs : static_cast<int>(type.inputs.size());
    if (edge.toPort >= inputs)
        item.report("enters input port " + std::to_string(edge.toPort) + " of " + edge.to + ", which has " +
                    (inputs ? std::to_string(inputs) : "none"));
}

std::vector<graph::Edge> readEdges(const Item& item, const std::vector<graph::Node>& nodes)
{
    std::map<std::string, const graph::Node*> byId;
    for (const graph::Node& node : nodes)
        byId.emplace(node.id, &node);
    std::vector<graph::Edge> edges;
    std::map<std::pair<std::string, int>, std::string> taken;
    for (const Item& element : item.elements(maxEdges)) {
        graph::Edge edge;
        if (element.isObject({"from", "from_port", "to", "to_port"}))
            readEnd(element, byId, edge);
        const auto [other, fresh] = taken.emplace(std::pair(edge.to, edge.toPort), element.place());
        if (!fresh)
            element.report("enters input port " + std::to_string(edge.toPort) + " of " + edge.to + ", as " +
                           other->second + " already does; an input takes one connection");
        if (element.faults().any())
            break;
        edges.push_back(std::move(edge));
    }
    return edges;
}

/// `taken` says which group has a node.
graph::Group readGroup(
    const Item& item, const std::set<std::string>& nodes, std::map<std::string, std::string>& taken)
{
    graph::Group group;
    if (!item.isObject({"id", "title", "nodes", "repeat", "collapsed"}))
        return group;
    group.id = readId(item.required("id"));
    group.title = item["title"].text(graph::maxTitleBytes);
    group.repeat = static_cast<int>(item["repeat"].integer(1, graph::maxRepeat, group.repeat));
    group.collapsed = item["collapsed"].flag(group.collapsed);
    for (const Item& member : item.required("nodes").elements(maxNodes)) {
        group.nodes.push_back(member.text(maxIdBytes));
        const auto [other, fresh] = taken.emplace(group.nodes.back(), group.id);
        if (!nodes.contains(group.nodes.back()))
            member.report("is " + shown(member.value()) + ", but there is no such node");
        else if (!fresh)
            member.report("is " + shown(member.value()) + ", which the block \"" + other->second +
                          "\" already holds; a node is in one block at most");
    }
    return group;
}

std::vector<graph::Group> readGroups(const Item& item, const graph::Graph& drawing)
{
    std::vector<graph::Group> groups;
    std::set<std::string> ids;
    std::set<std::string> nodes;
    std::map<std::string, std::string> taken;
    for (const graph::Node& node : drawing.nodes)
        nodes.insert(node.id);
    for (const Item& element : item.elements(maxGroups)) {
        groups.push_back(readGroup(element, nodes, taken));
        if (!ids.insert(groups.back().id).second)
            element["id"].report(
                "is \"" + groups.back().id + "\", as another block is; every id may occur once");
        if (element.faults().any())
            break;
    }
    return groups;
}

void refuseCycles(const graph::Graph& drawing, Faults& faults)
{
    const auto cycle = graph::findCycle(drawing);
    if (cycle.empty())
        return;
    std::string path = cycle.front().from;
    for (const graph::Edge& edge : cycle)
        path += " → " + edge.to;
    faults.report("edges", "form a circle: " + path + "; remove one of them");
}

} // namespace

Result<Project> parseProject(const std::string& text, const std::string& origin)
{
    if (static_cast<int64_t>(text.size()) > maxProjectBytes)
        return invalidFile(origin + " has " + std::to_string(text.size()) + " bytes, more than the " +
                           std::to_string(maxProjectBytes) + " allowed for a project.");
    auto document = parseJson(text, origin);
    if (!document)
        return document.error();
    Faults faults(origin);
    migrate(*document, faults);
    if (faults.any())
        return faults.error();

    Project project;
    const Item root(faults, &*document, {});
    root.isObject({"$schema", "format", "name", "description", "expected", "data", "nodes", "edges", "groups",
        "training"});
    root["$schema"].text(maxNameBytes);
    project.name = root["name"].text(maxNameBytes);
    project.description = root["description"].text(maxProseBytes);
    project.expected = root["expected"].text(maxProseBytes);
    project.data = readData(root["data"]);
    project.training = readTraining(root["training"]);
    project.graph.nodes = readNodes(root.required("nodes"));
    // What follows refers to the nodes by name and relies on them being right.
    if (!faults.any())
        project.graph.edges = readEdges(root.required("edges"), project.graph.nodes);
    if (!faults.any())
        project.graph.groups = readGroups(root["groups"], project.graph);
    if (!faults.any())
        refuseCycles(project.graph, faults);
    if (faults.any())
        return faults.error();
    return project;
}

} // namespace gradloom::project
