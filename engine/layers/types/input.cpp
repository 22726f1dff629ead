#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType input()
{
    LayerType type;
    type.id = "input";
    type.title = "Input";
    type.category = "data";
    type.role = Role::Data;
    type.help = "The data set's samples enter here: numbers, or the tokens of a text.";
    type.formula = "y = x";
    type.inputs = {};
    type.parameters = {shapeParam("shape", "Shape", {28, 28, 1},
                           "Extents of one sample: height × width × channels for pictures, steps × features for "
                           "sequences, the number of features or of tokens."),
        choiceParam("kind", "Kind", "numbers", {{"numbers", "numbers"}, {"tokens", "tokens"}},
            "numbers: pictures, features, measurements. tokens: the whole numbers that stand for the words of a text; "
            "an Embedding makes numbers of them.")};
    type.infer = [](const Params& p, std::span<const TensorType>) -> Inferred {
        auto shape = Shape::checked(p.list("shape"));
        if (!shape)
            return Fault{"Input: " + shape.error().message, {}};
        if (p.text("kind") == "numbers")
            return *shape;
        if (shape->rank() == 1)
            return TensorType{*shape, DType::I32};
        const int64_t tokens = shape->elements();
        return Fault{"Input takes one row of tokens but its shape is " + shape->toString() +
                ". Use the number of tokens as its shape.",
            {{Repair::Kind::SetParameter, "Use shape " + std::to_string(tokens), {}, {}, 0, "shape",
                std::vector<int64_t>{tokens}}}};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> { return {c.batchInput("input", c.outputTypes[0])}; };
    type.summary = [](const Params& p) {
        return Shape(p.list("shape")).toString() + (p.text("kind") == "tokens" ? " tokens" : "");
    };
    type.samples = {{{}, {}}, {{{"shape", std::vector<int64_t>{5}}}, {}},
        {{{"shape", std::vector<int64_t>{5}}, {"kind", std::string("tokens")}}, {}}};
    return type;
}

} // namespace gradloom::layers
