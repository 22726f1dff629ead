#include "engine/layers/layer_options.h"

#include <algorithm>

namespace gradloom::layers {

const std::vector<ParamChoice>& activationChoices()
{
    static const std::vector<ParamChoice> choices{{"none", "none"}, {"relu", "ReLU"}, {"leaky_relu", "LeakyReLU"},
        {"elu", "ELU"}, {"gelu", "GELU"}, {"silu", "SiLU"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"},
        {"softmax", "Softmax"}};
    return choices;
}

std::string activationTitle(const std::string& activation)
{
    for (const auto& choice : activationChoices())
        if (choice.value == activation && activation != "none")
            return choice.title;
    return {};
}

std::string pairText(const std::vector<int64_t>& pair)
{
    return std::to_string(pair[0]) + "×" + std::to_string(pair[1]);
}

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

ParamSpec paddingParam()
{
    return choiceParam("padding", "Padding", "valid", {{"valid", "valid"}, {"same", "same"}},
        "valid: windows stay inside, the map shrinks. same: zeros around it keep the size (at stride 1).");
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

std::array<int64_t, 4> paddingOf(
    const Params& params, const Shape& input, const std::vector<int64_t>& kernel, const std::vector<int64_t>& dilation)
{
    std::array<int64_t, 4> padding{};
    if (params.text("padding") != "same")
        return padding;
    const auto& stride = params.list("stride");
    for (size_t axis = 0; axis < 2; ++axis) {
        const int64_t extent = input[static_cast<int>(axis)];
        const int64_t results = (extent + stride[axis] - 1) / stride[axis];
        const int64_t total = std::max<int64_t>(0, (results - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - extent);
        padding[axis] = total / 2;
        padding[axis + 2] = total - total / 2;
    }
    return padding;
}

Inferred windowShape(const std::string& title, const Params& params, const Shape& input, const std::string& kernelKey,
    int64_t channels)
{
    const auto& kernel = params.list(kernelKey);
    const auto& stride = params.list("stride");
    const auto dilation = params.has("dilation") ? params.list("dilation") : std::vector<int64_t>{1, 1};
    const auto padding = paddingOf(params, input, kernel, dilation);
    std::vector<int64_t> extents;
    for (size_t axis = 0; axis < 2; ++axis) {
        const int64_t reach = dilation[axis] * (kernel[axis] - 1) + 1;
        const int64_t extent = input[static_cast<int>(axis)] + padding[axis] + padding[axis + 2];
        if (reach > extent) {
            Fault fault{title + " looks through a window of " + pairText(kernel) + " but gets only " +
                    pairText({input[0], input[1]}) + ". Use padding same or a smaller window.",
                {}};
            fault.repairs.push_back({Repair::Kind::SetParameter, "Use padding same", {}, {}, 0, "padding", std::string("same")});
            const std::vector<int64_t> smaller{std::min(kernel[0], input[0]), std::min(kernel[1], input[1])};
            fault.repairs.push_back(
                {Repair::Kind::SetParameter, "Use a window of " + pairText(smaller), {}, {}, 0, kernelKey, smaller});
            return fault;
        }
        extents.push_back((extent - reach) / stride[axis] + 1);
    }
    extents.push_back(channels);
    auto shape = Shape::checked(extents);
    if (!shape)
        return Fault{title + ": " + shape.error().message, {}};
    return *shape;
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

LayerType poolingLayer(std::string id, std::string title)
{
    LayerType type;
    type.id = id;
    type.title = title;
    type.category = "pooling";
    type.parameters = {pairParam("pool", "Window", 2, 2, 1, 1024, "Height and width of the window."),
        pairParam("stride", "Stride", 2, 2, 1, 1024, "How far the window moves at each step."), paddingParam()};
    type.infer = [title](const Params& p, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        return x.rank() == 3 ? windowShape(title, p, x, "pool", x[2]) : Inferred(needsImage(title, x));
    };
    type.lower = [id](LowerContext& c) -> std::vector<ir::ValueId> {
        const auto& pool = c.params.list("pool");
        const auto padding = paddingOf(c.params, c.b.shape(c.in()).withoutFirst(), pool, {1, 1});
        return {c.b.op(id, {c.in()},
            {{"kernel", pool}, {"stride", c.params.list("stride")},
                {"padding", std::vector<int64_t>(padding.begin(), padding.end())}})};
    };
    type.summary = [](const Params& p) { return pairText(p.list("pool")); };
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, image({6, 4, 3})}, {{}, image({5, 7, 1})},
        {{{"pool", pair(3, 3)}, {"stride", pair(2, 2)}, {"padding", std::string("same")}}, image({6, 5, 2})},
        {{{"pool", pair(3, 2)}, {"stride", pair(1, 1)}}, image({5, 5, 4})},
        {{{"pool", pair(2, 2)}, {"stride", pair(3, 3)}}, image({8, 8, 2})}};
    return type;
}

LayerType activationLayer(std::string id, std::string title, std::string help, std::string formula)
{
    LayerType type;
    type.id = id;
    type.title = std::move(title);
    type.category = "activation";
    type.help = std::move(help);
    type.formula = std::move(formula);
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred { return in[0]; };
    type.lower = [id](LowerContext& c) -> std::vector<ir::ValueId> { return {c.activate(c.in(), id)}; };
    type.summary = [](const Params&) { return std::string(); };
    type.samples = {{{}, {{Shape{7}, DType::F32}}}, {{}, {{Shape{3, 4, 5}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
