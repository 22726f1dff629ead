#include "engine/layers/window_options.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

/// No padded sample may have more elements: options alone must not be able to ask for all memory.
constexpr int64_t maxPaddedElements = int64_t{1} << 28;

std::vector<int64_t> inputExtents(const SlidingWindow& window, const Shape& input)
{
    return {input.begin(), input.begin() + window.axes()};
}

Fault windowTooLarge(
    const std::string& title, const SlidingWindow& window, const std::string& kernelKey, const Shape& input)
{
    std::vector<int64_t> reach;
    std::vector<int64_t> smaller;
    for (size_t axis = 0; axis < window.axes(); ++axis) {
        reach.push_back(window.reach(axis));
        const int64_t extent = window.paddedExtent(axis, input[static_cast<int>(axis)]);
        smaller.push_back(std::min(window.kernel[axis], (extent - 1) / window.dilation[axis] + 1));
    }
    const auto has = inputExtents(window, input);
    Fault fault{title + " looks through a window of " + sizesText(window.kernel) +
                    (reach == window.kernel ? "" : " that reaches over " + sizesText(reach)) +
                    " but gets only " + sizesText(has) + ". Use padding same or a smaller window.",
        {}};
    fault.repairs.push_back(
        {Repair::Kind::SetParameter, "Use padding same", {}, {}, 0, "padding", std::string("same")});
    const ParamValue value = window.axes() == 1 ? ParamValue(smaller[0]) : ParamValue(smaller);
    fault.repairs.push_back(
        {Repair::Kind::SetParameter, "Use a window of " + sizesText(smaller), {}, {}, 0, kernelKey, value});
    return fault;
}

} // namespace

SlidingWindow SlidingWindow::flat() const
{
    SlidingWindow result;
    const auto lastTwo = [&](const std::vector<int64_t>& all, int64_t fill) {
        std::vector<int64_t> two = all;
        if (two.size() == 1)
            two.insert(two.begin(), fill);
        return std::vector<int64_t>(two.end() - 2, two.end());
    };
    result.kernel = lastTwo(kernel, 1);
    result.stride = lastTwo(stride, 1);
    result.dilation = lastTwo(dilation, 1);
    result.before = lastTwo(before, 0);
    result.after = lastTwo(after, 0);
    return result;
}

Params SlidingWindow::attributes(bool dilated) const
{
    Params result{
        {"stride", stride}, {"padding", std::vector<int64_t>{before[0], before[1], after[0], after[1]}}};
    if (dilated)
        result.set("dilation", dilation);
    return result;
}

ParamSpec sizeParam(size_t axes, ParamSpec like)
{
    if (axes > 1) {
        like.kind = ParamKind::Tuple;
        like.defaultValue = std::vector<int64_t>(axes, std::get<int64_t>(like.defaultValue));
    }
    return like;
}

std::vector<int64_t> sizesOf(const Params& params, const std::string& key)
{
    const ParamValue* value = params.find(key);
    if (value && std::holds_alternative<int64_t>(*value))
        return {std::get<int64_t>(*value)};
    return params.list(key);
}

std::string sizesText(const std::vector<int64_t>& sizes)
{
    std::string text;
    for (int64_t size : sizes)
        text += (text.empty() ? "" : "×") + std::to_string(size);
    return text;
}

std::vector<ParamSpec> paddingParams(size_t axes)
{
    static constexpr const char* order[] = {
        "before, after", "top, left, bottom, right", "front, top, left, back, bottom, right"};
    return {choiceParam("padding", "Padding", "valid",
                {{"valid", "valid"}, {"same", "same"}, {"explicit", "explicit"}},
                "valid: windows stay inside, the map shrinks. same: zeros around it keep the size (at stride "
                "1). explicit: "
                "as many zeros as \"Pad by\" says."),
        tupleParam("pad", "Pad by", std::vector<int64_t>(2 * axes, 1), 0, 65536,
            "Zeros at each side, for padding explicit only: " + std::string(order[axes - 1]) + ".")};
}

SlidingWindow windowOf(const Params& params, const std::string& kernelKey, const Shape& input)
{
    SlidingWindow window;
    window.kernel = sizesOf(params, kernelKey);
    window.stride = sizesOf(params, "stride");
    const size_t axes = window.axes();
    window.dilation = params.has("dilation") ? sizesOf(params, "dilation") : std::vector<int64_t>(axes, 1);
    window.before.assign(axes, 0);
    window.after.assign(axes, 0);
    const std::string& padding = params.text("padding");
    for (size_t axis = 0; axis < axes; ++axis) {
        if (padding == "explicit") {
            window.before[axis] = params.list("pad")[axis];
            window.after[axis] = params.list("pad")[axis + axes];
        } else if (padding == "same") {
            const int64_t extent = input[static_cast<int>(axis)];
            const int64_t stride = window.stride[axis];
            const int64_t covered = ((extent + stride - 1) / stride - 1) * stride + window.reach(axis);
            const int64_t total = std::max<int64_t>(0, covered - extent);
            window.before[axis] = total / 2;
            window.after[axis] = total - total / 2;
        }
    }
    return window;
}

std::optional<Fault> paddedTooLarge(const std::string& title, const SlidingWindow& window, const Shape& input)
{
    std::vector<int64_t> padded;
    for (size_t axis = 0; axis < window.axes(); ++axis)
        padded.push_back(window.paddedExtent(axis, input[static_cast<int>(axis)]));
    padded.push_back(input[-1]);
    const auto whole = Shape::checked(padded);
    if (whole && whole->elements() <= maxPaddedElements)
        return std::nullopt;
    return Fault{title + " would work on " + sizesText(padded) +
                     " padded numbers, more than 268,435,456. Use padding valid, "
                     "or a smaller window, dilation or padding.",
        {{Repair::Kind::SetParameter, "Use padding valid", {}, {}, 0, "padding", std::string("valid")}}};
}

Inferred windowShape(const std::string& title, const SlidingWindow& window, const std::string& kernelKey,
    const Shape& input, int64_t channels)
{
    std::vector<int64_t> extents;
    for (size_t axis = 0; axis < window.axes(); ++axis) {
        const int64_t extent = input[static_cast<int>(axis)];
        if (window.reach(axis) > window.paddedExtent(axis, extent))
            return windowTooLarge(title, window, kernelKey, input);
        extents.push_back(window.outputExtent(axis, extent));
    }
    extents.push_back(channels);
    if (auto fault = paddedTooLarge(title, window, input))
        return *std::move(fault);
    auto shape = Shape::checked(extents);
    if (!shape)
        return Fault{title + ": " + shape.error().message, {}};
    return *shape;
}

Fault needsWindowed(const std::string& title, size_t axes, const Shape& input)
{
    if (axes == 2)
        return needsImage(title, input);
    const bool sequence = axes == 1;
    Fault fault{
        title + " needs " +
            (sequence ? "sequences (N, steps, channels)" : "volumes (N, depth, height, width, channels)") +
            " but gets " + batchShape(input) + ".",
        {}};
    std::vector<int64_t> shape = input.toVector();
    if (sequence && input.rank() == 3) {
        shape = {input[0] * input[1], input[2]};
        fault.message += " Insert Reshape to make each pixel a step.";
    } else if (shape.size() == axes) {
        shape.push_back(1);
        fault.message += " Insert Reshape to add a channel.";
    } else {
        return fault;
    }
    fault.repairs.push_back(
        {Repair::Kind::InsertBefore, "Insert Reshape", "reshape", {{"shape", shape}}, 0, {}, {}});
    return fault;
}

} // namespace gradloom::layers
