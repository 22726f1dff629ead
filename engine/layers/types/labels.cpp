#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType labels()
{
    LayerType type;
    type.id = "labels";
    type.title = "Labels";
    type.category = "data";
    type.role = Role::Data;
    type.help = "The data set's class labels. A loss whose target is not connected takes them by itself.";
    type.formula = "t = class, or onehot(class)";
    type.inputs = {};
    type.parameters = {
        choiceParam("encoding", "Encoding", "integer", {{"integer", "integer"}, {"one_hot", "one-hot"}},
            "integer: the number of the class. one-hot: as many numbers as classes, one of them 1."),
        integerParam("classes", "Classes", 10, 2, 100000, "Number of classes, for one-hot labels.")};
    type.infer = [](const Params& p, std::span<const TensorType>) -> Inferred {
        if (p.text("encoding") == "one_hot")
            return Shape{p.integer("classes")};
        return TensorType{Shape(), DType::I32};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const ir::ValueId labels = c.batchInput("labels", {Shape(), DType::I32});
        if (c.params.text("encoding") == "integer")
            return {labels};
        return {c.b.op("one_hot", {labels}, {{"classes", c.params.integer("classes")}})};
    };
    type.summary = [](const Params& p) {
        return p.text("encoding") == "one_hot" ? "one-hot · " + std::to_string(p.integer("classes")) : std::string("integer");
    };
    type.samples = {{{}, {}}, {{{"encoding", std::string("one_hot")}, {"classes", int64_t{4}}}, {}}};
    return type;
}

} // namespace gradloom::layers
