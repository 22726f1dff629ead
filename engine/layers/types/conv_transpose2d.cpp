#include "engine/layers/convolution.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

/// The convolution whose adjoint this layer is, with the extents of its input, which are this layer's result.
struct TransposedWindow
{
    SlidingWindow window;
    std::vector<int64_t> extents;
};

/// Sizes of the result with the output padding o: valid (i−1)·s + max(reach + o, s), same i·s (both Keras' rule
/// where o is 0), explicit (i−1)·s + reach + o − padding (PyTorch's rule).
TransposedWindow transposedWindow(const Params& p, const Shape& x)
{
    TransposedWindow result{windowOf(p, "kernel", x), {}};
    SlidingWindow& w = result.window;
    const std::string& padding = p.text("padding");
    for (size_t axis = 0; axis < w.axes(); ++axis) {
        const int64_t stride = w.stride[axis];
        const int64_t reach = w.reach(axis);
        const int64_t input = x[static_cast<int>(axis)];
        const int64_t extra = p.list("output_padding")[axis];
        if (padding == "same") {
            // What the padding of the convolution with this stride and the result as its input is.
            const int64_t total = std::max<int64_t>(0, reach - stride);
            w.before[axis] = total / 2;
            w.after[axis] = total - total / 2;
            result.extents.push_back(input * stride);
        } else if (padding == "valid") {
            result.extents.push_back((input - 1) * stride + std::max(reach + extra, stride));
        } else {
            result.extents.push_back((input - 1) * stride + reach - w.before[axis] - w.after[axis] + extra);
        }
    }
    return result;
}

Inferred inferTransposed(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() != 3)
        return needsWindowed("ConvTranspose2D", 2, x);
    const TransposedWindow t = transposedWindow(p, x);
    const auto& extra = p.list("output_padding");
    for (size_t axis = 0; axis < 2; ++axis)
        if (extra[axis] >= t.window.stride[axis])
            return Fault{"ConvTranspose2D adds " + sizesText(extra) +
                             " rows and columns at the end, but with a stride of " +
                             sizesText(t.window.stride) +
                             " each must be smaller than the stride. Use output padding 0.",
                {{Repair::Kind::SetParameter, "Use output padding 0", {}, {}, 0, "output_padding",
                    std::vector<int64_t>{0, 0}}}};
    if (t.extents[0] < 1 || t.extents[1] < 1)
        return Fault{"ConvTranspose2D would cut " + sizesText(p.list("pad")) +
                         " from its result and leave nothing of it. Use padding same or smaller amounts.",
            {{Repair::Kind::SetParameter, "Use padding same", {}, {}, 0, "padding", std::string("same")}}};
    auto shape = Shape::checked({t.extents[0], t.extents[1], p.integer("filters")});
    if (!shape)
        return Fault{"ConvTranspose2D: " + shape.error().message, {}};
    if (auto fault = paddedTooLarge("ConvTranspose2D", t.window, *shape))
        return *std::move(fault);
    return *shape;
}

std::vector<ir::ValueId> lowerTransposed(LowerContext& c)
{
    const Params& p = c.params;
    const Shape x = c.b.shape(c.in());
    const TransposedWindow t = transposedWindow(p, x.withoutFirst());
    const int64_t filters = p.integer("filters");
    const int64_t taps = t.window.kernel[0] * t.window.kernel[1];
    const auto w =
        c.kernel(Shape{t.window.kernel[0], t.window.kernel[1], filters, x[3]}, taps * x[3], taps * filters);
    const auto bias = p.flag("use_bias") ? c.weight("bias", Shape{filters}, {"zeros"}) : ir::noValue;
    Params attributes = t.window.attributes(true);
    attributes.set("groups", int64_t{1});
    attributes.set("output", t.extents);
    return {c.activate(c.b.op("conv2d_transpose", {c.in(), w, bias}, attributes), p.text("activation"))};
}

} // namespace

LayerType conv_transpose2d()
{
    LayerType type;
    type.id = "conv_transpose2d";
    type.title = "ConvTranspose2D";
    type.category = "convolution";
    type.help = "A convolution backwards: every pixel paints a pattern into a larger picture. For generators "
                "and decoders.";
    type.formula = "y(s·i+p, s·j+q, k) = Σ x(i,j,c) · w(p,q,k,c) + b(k)";
    type.parameters = filterParams();
    for (auto& spec : convolutionWindowParams(2))
        type.parameters.push_back(spec);
    type.parameters.push_back(pairParam("output_padding", "Output padding", 0, 0, 0, 1023,
        "Rows and columns added at the end where several sizes would fit; not with padding same, whose result "
        "is stride times the input."));
    // A limit on the weights' length is one for each last index, which is an input channel here.
    for (auto& spec : weightParams())
        if (spec.key != "max_norm")
            type.parameters.push_back(spec);
    for (auto& spec : type.parameters)
        if (spec.key == "padding")
            spec.help = "valid: the whole result. same: stride times the input's size. explicit: as many rows and "
                        "columns as \"Pad by\" says are cut off.";
    type.infer = inferTransposed;
    type.lower = lowerTransposed;
    type.summary = convolutionSummary;
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto same = std::string("same");
    const auto amounts = std::string("explicit");
    type.samples = {
        {{{"filters", int64_t{4}}}, image({3, 4, 2})},
        {{{"filters", int64_t{3}}, {"kernel", pair(4, 4)}, {"stride", pair(2, 2)}, {"padding", same},
             {"activation", std::string("relu")}},
            image({3, 2, 5})},
        {{{"filters", int64_t{2}}, {"kernel", pair(3, 3)}, {"stride", pair(2, 2)}, {"padding", same},
             {"l2", 0.1}},
            image({2, 3, 3})},
        {{{"filters", int64_t{2}}, {"kernel", pair(2, 1)}, {"stride", pair(3, 2)}, {"use_bias", false}},
            image({2, 3, 1})},
        {{{"filters", int64_t{1}}, {"kernel", pair(1, 2)}, {"stride", pair(3, 3)}, {"padding", same}},
            image({2, 1, 3})},
        {{{"filters", int64_t{3}}, {"kernel", pair(4, 4)}, {"stride", pair(2, 2)}, {"padding", amounts}},
            image({1, 1, 2})},
        {{{"filters", int64_t{2}}, {"stride", pair(2, 3)}, {"padding", amounts},
             {"output_padding", pair(1, 2)}, {"activation", std::string("tanh")}},
            image({3, 2, 2})},
        {{{"filters", int64_t{2}}, {"dilation", pair(2, 2)}, {"stride", pair(2, 1)},
             {"output_padding", pair(1, 0)}},
            image({2, 3, 2})},
    };
    return type;
}

} // namespace gradloom::layers
