#include "engine/layers/layer_options.h"

namespace gradloom::layers {

std::string joined(std::initializer_list<std::string> parts)
{
    std::string text;
    for (const auto& part : parts)
        if (!part.empty())
            text += (text.empty() ? "" : " · ") + part;
    return text;
}

ParamSpec activationParam()
{
    return choiceParam("activation", "Activation", "none", activationChoices(),
        "What is applied to the result. Without one, stacked layers are only one linear map.");
}

std::vector<ParamSpec> weightParams()
{
    return {activationParam(), switchParam("use_bias", "Use bias", true, "Adds a learned number to every output channel."),
        choiceParam("initializer", "Weight init", "glorot_uniform",
            {{"glorot_uniform", "Glorot uniform"}, {"glorot_normal", "Glorot normal"}, {"he_uniform", "He uniform"},
                {"he_normal", "He normal"}, {"orthogonal", "Orthogonal"}, {"zeros", "Zeros"}},
            "How the weights start. He suits ReLU, Glorot suits tanh and sigmoid; zeros cannot learn behind other layers."),
        realParam("l1", "L1 penalty", 0, 0, 1e3, "Adds l1·Σ|w| to the loss: drives weights that matter little to zero."),
        realParam("l2", "L2 penalty", 0, 0, 1e3, "Adds l2·Σw² to the loss: keeps weights small against overfitting."),
        realParam("max_norm", "Max norm", 0, 0, 1e6,
            "Shortens the weights of each output unit to this length after every update; 0: off. Goes well with Dropout."),
        switchParam("frozen", "Freeze weights", false, "Leaves these weights as they are during training.")};
}

std::string batchShape(const Shape& perSample)
{
    std::string text = "(N";
    for (int64_t extent : perSample)
        text += ", " + std::to_string(extent);
    return text + ")";
}

Fault needsImage(const std::string& title, const Shape& input)
{
    Fault fault{title + " needs pictures (N, height, width, channels) but gets " + batchShape(input) + ".", {}};
    if (input.rank() == 2) {
        fault.message += " Insert Reshape to add a channel.";
        fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Reshape", "reshape",
            {{"shape", std::vector<int64_t>{input[0], input[1], 1}}}, 0, {}, {}});
    } else if (input.rank() == 1) {
        fault.message += " Insert Reshape to say which picture these numbers are.";
        fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Reshape", "reshape",
            {{"shape", std::vector<int64_t>{1, 1, input[0]}}}, 0, {}, {}});
    }
    return fault;
}

Fault wrongKind(const std::string& title, const TensorType& input, int port)
{
    if (input.dtype != DType::I32)
        return {title + " needs whole numbers (tokens) but gets numbers " + batchShape(input.shape) +
                ". Connect an Input of kind tokens.",
            {}};
    return {title + " needs numbers but gets whole numbers (tokens) " + batchShape(input.shape) +
            ". Insert an Embedding.",
        {{Repair::Kind::InsertBefore, "Insert Embedding", "embedding", {}, port, {}, {}}}};
}

Fault needsFeatures(const std::string& title, const Shape& input)
{
    Fault fault{title + " needs (N, features) but gets " + batchShape(input) + ". Insert Flatten.", {}};
    fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Flatten", "flatten", {}, 0, {}, {}});
    return fault;
}

} // namespace gradloom::layers
