#include "tests/golden/golden_sample.h"

#include "source_dir.h"
#include "tests/layers/layer_harness.h"

namespace gradloom::tests {

namespace {

using nlohmann::json;

json paramsJson(const Params& params)
{
    json result = json::object();
    for (const auto& [key, value] : params)
        result[key] = std::visit([](const auto& v) { return json(v); }, value);
    return result;
}

json typeJson(const TensorType& type)
{
    return {{"shape", type.shape.toVector()}, {"dtype", nameOf(type.dtype)}};
}

const char* kindOf(const ir::Value& value)
{
    if (value.segment == ir::Segment::Parameters)
        return "weight";
    return value.segment == ir::Segment::State ? "state" : "input";
}

} // namespace

json describeSample(const layers::LayerType& type, size_t sample)
{
    const layers::Sample& chosen = type.samples[sample];
    const LayerHarness harness(type, chosen, false);
    json description{{"layer", type.id}, {"sample", sample},
        {"params", paramsJson(completeParams(type.parameters, chosen.params, type.id).value())}};
    description["inputs"] = json::array();
    for (const TensorType& input : chosen.inputs)
        description["inputs"].push_back(typeJson(input));
    description["tensors"] = json::array();
    for (const ir::Value& value : harness.program().values) {
        if (!value.input && value.segment == ir::Segment::Arena)
            continue;
        json tensor = typeJson(value.type);
        tensor["name"] = value.name;
        tensor["kind"] = kindOf(value);
        description["tensors"].push_back(std::move(tensor));
    }
    const LayerHarness training(type, chosen, true);
    description["random_in_training"] = training.program().find("random") != ir::noValue;
    return description;
}

std::filesystem::path goldenFolder()
{
    return std::filesystem::path(GRADLOOM_SOURCE_DIR) / "tests" / "golden";
}

} // namespace gradloom::tests
