#include "engine/layers/convolution.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

Inferred inferConvolution(const std::string& title, size_t axes, const Params& p, const Shape& x)
{
    if (x.rank() != static_cast<int>(axes) + 1)
        return needsWindowed(title, axes, x);
    const int64_t groups = p.integerOr("groups", 1);
    const int64_t filters = p.integer("filters");
    if (x[-1] % groups != 0 || filters % groups != 0) {
        Fault fault{title + " in " + std::to_string(groups) + " groups cannot divide " +
                        std::to_string(x[-1]) + " channels and " + std::to_string(filters) +
                        " filters evenly. Use 1 group.",
            {}};
        fault.repairs.push_back({Repair::Kind::SetParameter, "Use 1 group", {}, {}, 0, "groups", int64_t{1}});
        return fault;
    }
    return windowShape(title, windowOf(p, "kernel", x), "kernel", x, filters);
}

/// The slices of a volume (N×D×H×W×C) that the first, second … tap of the kernel's depth sees, joined along
/// the channels: N×OD×H×W×(taps·C). A convolution over three dimensions is one over two of these.
ir::ValueId depthTaps(ir::Builder& b, ir::ValueId x, const SlidingWindow& window)
{
    const int64_t taps = window.kernel[0];
    const int64_t stride = window.stride[0];
    const int64_t places = window.outputExtent(0, b.shape(x)[1]);
    // Each tap takes `places` runs of `stride` slices and keeps the first of each, so the last run may reach
    // too far.
    const int64_t needed = (taps - 1) * window.dilation[0] + places * stride;
    const int64_t behind = std::max(window.after[0], needed - b.shape(x)[1] - window.before[0]);
    if (window.before[0] > 0 || behind > 0)
        x = b.op("pad", {x},
            {{"before", std::vector<int64_t>{0, window.before[0], 0, 0, 0}},
                {"after", std::vector<int64_t>{0, behind, 0, 0, 0}}});
    const Shape in = b.shape(x);
    std::vector<ir::ValueId> parts;
    for (int64_t tap = 0; tap < taps; ++tap) {
        ir::ValueId part = b.op("slice", {x},
            {{"start", std::vector<int64_t>{0, tap * window.dilation[0], 0, 0, 0}},
                {"size", std::vector<int64_t>{in[0], places * stride, in[2], in[3], in[4]}}});
        if (stride > 1) {
            part = b.reshape(part, Shape{in[0], places, stride, in[2], in[3], in[4]});
            part = b.op("slice", {part},
                {{"start", std::vector<int64_t>(6, 0)},
                    {"size", std::vector<int64_t>{in[0], places, 1, in[2], in[3], in[4]}}});
        }
        parts.push_back(b.reshape(part, Shape{in[0], places, in[2], in[3], in[4]}));
    }
    return parts.size() == 1 ? parts[0] : b.op("concat", parts, {{"axis", int64_t{4}}});
}

ir::ValueId convolve3d(
    LowerContext& c, ir::ValueId x, ir::ValueId w, ir::ValueId bias, const SlidingWindow& window)
{
    ir::Builder& b = c.b;
    const ir::ValueId taps = depthTaps(b, x, window);
    const Shape t = b.shape(taps);
    const Shape k = b.shape(w); // kd×kh×kw×C×K
    const ir::ValueId turned =
        k[0] == 1 ? w : b.op("transpose", {w}, {{"order", std::vector<int64_t>{1, 2, 0, 3, 4}}});
    const ir::ValueId flatWeights = b.reshape(turned, Shape{k[1], k[2], k[0] * k[3], k[4]});
    const ir::ValueId planes = b.reshape(taps, Shape{t[0] * t[1], t[2], t[3], t[4]});
    const ir::ValueId y = convolve2d(c, planes, flatWeights, bias, window.flat(), 1);
    const Shape plane = b.shape(y);
    return b.reshape(y, Shape{t[0], t[1], plane[1], plane[2], plane[3]});
}

std::vector<ir::ValueId> lowerConvolution(LowerContext& c)
{
    const Params& p = c.params;
    const Shape x = c.b.shape(c.in());
    const SlidingWindow window = windowOf(p, "kernel", x.withoutFirst());
    const int64_t filters = p.integer("filters");
    const int64_t groups = p.integerOr("groups", 1);
    const int64_t depth = x[-1] / groups;
    int64_t taps = 1;
    std::vector<int64_t> shape = window.kernel;
    for (int64_t extent : window.kernel)
        taps *= extent;
    shape.push_back(depth);
    shape.push_back(filters);
    const auto w = c.kernel(Shape(shape), taps * depth, taps * filters / groups);
    const auto bias = p.flag("use_bias") ? c.weight("bias", Shape{filters}, {"zeros"}) : ir::noValue;
    if (window.axes() == 3)
        return {convolve3d(c, c.in(), w, bias, window)};
    if (window.axes() == 2)
        return {convolve2d(c, c.in(), w, bias, window, groups)};
    // A sequence is a picture of one row.
    const auto row = c.b.reshape(c.in(), Shape{x[0], 1, x[1], x[2]});
    const auto y =
        convolve2d(c, row, c.b.reshape(w, Shape{1, shape[0], depth, filters}), bias, window.flat(), groups);
    return {c.b.reshape(y, c.outputTypes[0].shape.prepended(x[0]))};
}

} // namespace

ir::ValueId convolve2d(LowerContext& c, ir::ValueId x, ir::ValueId w, ir::ValueId bias,
    const SlidingWindow& flat, int64_t groups)
{
    Params attributes = flat.attributes(true);
    attributes.set("groups", groups);
    return c.activate(c.b.op("conv2d", {x, w, bias}, attributes), c.params.text("activation"));
}

std::vector<ParamSpec> filterParams()
{
    return {integerParam(
        "filters", "Filters", 32, 1, 65536, "Number of patterns to learn: channels of the result.")};
}

std::vector<ParamSpec> convolutionWindowParams(size_t axes)
{
    const int64_t most = axes == 3 ? 64 : 1024;
    std::vector<ParamSpec> params{
        sizeParam(axes, integerParam("kernel", "Kernel", 3, 1, static_cast<double>(most),
                            "Extents of the window each filter sees.")),
        sizeParam(axes, integerParam("stride", "Stride", 1, 1, 1024,
                            "How far the window moves at each step; 2 halves the map."))};
    for (auto& spec : paddingParams(axes))
        params.push_back(spec);
    params.push_back(sizeParam(axes, integerParam("dilation", "Dilation", 1, 1, 1024,
                                         "Distance between what the window sees; 2 leaves gaps of one.")));
    return params;
}

std::string convolutionSummary(const Params& p)
{
    return joined({p.has("filters") ? std::to_string(p.integer("filters")) : std::string(),
        sizesText(sizesOf(p, "kernel")), activationTitle(p.text("activation"))});
}

LayerType convolutionLayer(size_t axes, std::string id, std::string title)
{
    LayerType type;
    type.id = std::move(id);
    type.title = title;
    type.category = "convolution";
    type.parameters = filterParams();
    for (auto& spec : convolutionWindowParams(axes))
        type.parameters.push_back(spec);
    if (axes < 3)
        type.parameters.push_back(integerParam(
            "groups", "Groups", 1, 1, 65536, "Divides channels and filters into parts that do not mix."));
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = [axes, title](const Params& p, std::span<const TensorType> in) {
        return inferConvolution(title, axes, p, in[0].shape);
    };
    type.lower = lowerConvolution;
    type.summary = convolutionSummary;
    return type;
}

} // namespace gradloom::layers
