#include "app/cli/command.h"
#include "app/cli/results.h"
#include "app/cli/text_table.h"
#include "engine/layers/layer_type.h"

namespace gradloom::cli {

namespace {

Json portsJson(const std::vector<layers::Port>& ports)
{
    Json json = Json::array();
    for (const auto& port : ports)
        json.push_back({{"name", port.name}, {"help", port.help}, {"optional", port.optional}});
    return json;
}

Json layerJson(const layers::LayerType& type)
{
    static constexpr const char* roles[] = {"data", "layer", "loss"};
    return Json{{"id", type.id}, {"title", type.title}, {"category", type.category}, {"help", type.help},
        {"formula", type.formula}, {"parameters", paramsJson(type.parameters)}, {"version", type.version},
        {"role", roles[static_cast<size_t>(type.role)]}, {"inputs", portsJson(type.inputs)},
        {"outputs", portsJson(type.outputs)}, {"variadic", type.variadic}};
}

Status runLayers(const CommonOptions& options)
{
    Json json = Json::array();
    for (const auto& type : layers::layerTypes().all())
        json.push_back(layerJson(type));
    std::string text;
    for (const auto& category : layers::layerCategories()) {
        TextTable table({category.title, "", ""});
        bool any = false;
        for (const auto& type : layers::layerTypes().all())
            if (type.category == category.id) {
                table.add({type.id, type.title, type.help});
                any = true;
            }
        if (any)
            text += table.toString() + "\n";
    }
    return emit(options, "layers", json, text);
}

} // namespace

Command layers()
{
    return {"layers", "List the layers this program knows", [](CLI::App& app) {
                auto options = std::make_shared<CommonOptions>();
                addOutputOptions(app, *options);
                return [options] { return runLayers(*options); };
            }};
}

} // namespace gradloom::cli
