#include "engine/layers/layer_options.h"

namespace gradloom::layers {

TensorType labelsDataType(const Params& params)
{
    const std::string& encoding = params.text("encoding");
    if (encoding == "numbers")
        return {Shape(params.list("shape")), DType::F32};
    if (encoding == "tokens")
        return {Shape(params.list("shape")), DType::I32};
    return {Shape(), DType::I32};
}

namespace {

Inferred inferLabels(const Params& params)
{
    if (params.text("encoding") == "one_hot")
        return Shape{params.integer("classes")};
    if (auto shape = Shape::checked(params.list("shape")); !shape)
        return Fault{"Labels: " + shape.error().message, {}};
    return labelsDataType(params);
}

std::string labelsSummary(const Params& params)
{
    const std::string& encoding = params.text("encoding");
    std::string text = params.text("target");
    text += text.empty() ? "" : " · ";
    if (encoding == "one_hot")
        return text + "one-hot · " + std::to_string(params.integer("classes"));
    return text + encoding + (encoding == "integer" ? "" : " · " + Shape(params.list("shape")).toString());
}

} // namespace

LayerType labels()
{
    LayerType type;
    type.id = "labels";
    type.title = "Labels";
    type.category = "data";
    type.role = Role::Data;
    type.help = "What the data set says about each sample: its class, numbers or tokens. A loss whose target is not "
                "connected takes the data set's first target by itself.";
    type.formula = "t = class, onehot(class), numbers or tokens";
    type.inputs = {};
    type.parameters = {
        textParam("target", "Target", "", "Name of the data set's target. Left empty, the first one."),
        choiceParam("encoding", "Encoding", "integer",
            {{"integer", "class"}, {"one_hot", "class, one-hot"}, {"numbers", "numbers"}, {"tokens", "tokens"}},
            "class: the number of the class. one-hot: as many numbers as classes, one of them 1. numbers: what a "
            "regression learns. tokens: one whole number for each step of a text."),
        integerParam("classes", "Classes", 10, 2, 100000, "Number of classes, for one-hot labels."),
        shapeParam("shape", "Shape", {1}, "Extents of one sample's numbers or tokens.")};
    type.infer = [](const Params& p, std::span<const TensorType>) { return inferLabels(p); };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const std::string name = targetInputName(c.labels, c.params.text("target"));
        const ir::ValueId labels = c.batchInput(name, labelsDataType(c.params));
        if (c.params.text("encoding") != "one_hot")
            return {labels};
        return {c.b.op("one_hot", {labels}, {{"classes", c.params.integer("classes")}})};
    };
    type.summary = labelsSummary;
    const std::vector<int64_t> three{3};
    type.samples = {{{}, {}}, {{{"encoding", std::string("one_hot")}, {"classes", int64_t{4}}}, {}},
        {{{"encoding", std::string("numbers")}, {"target", std::string("size")}, {"shape", three}}, {}},
        {{{"encoding", std::string("tokens")}, {"shape", three}}, {}}};
    return type;
}

} // namespace gradloom::layers
