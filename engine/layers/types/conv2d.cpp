#include "engine/layers/layer_options.h"

namespace gradloom::layers {

namespace {

Inferred inferConv(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() != 3)
        return needsImage("Conv2D", x);
    const int64_t groups = p.integer("groups");
    if (x[2] % groups != 0 || p.integer("filters") % groups != 0) {
        Fault fault{"Conv2D in " + std::to_string(groups) + " groups cannot divide " + std::to_string(x[2]) +
                " channels and " + std::to_string(p.integer("filters")) + " filters evenly. Use 1 group.",
            {}};
        fault.repairs.push_back({Repair::Kind::SetParameter, "Use 1 group", {}, {}, 0, "groups", int64_t{1}});
        return fault;
    }
    return windowShape("Conv2D", p, x, "kernel", p.integer("filters"));
}

std::vector<ir::ValueId> lowerConv(LowerContext& c)
{
    const Params& p = c.params;
    const auto& kernel = p.list("kernel");
    const int64_t filters = p.integer("filters");
    const int64_t groups = p.integer("groups");
    const Shape sample = c.b.shape(c.in()).withoutFirst();
    const int64_t depth = sample[2] / groups;
    const auto padding = paddingOf(p, sample, kernel, p.list("dilation"));
    const int64_t taps = kernel[0] * kernel[1];
    const auto w = c.kernel(Shape{kernel[0], kernel[1], depth, filters}, taps * depth, taps * filters / groups);
    const auto bias = p.flag("use_bias") ? c.weight("bias", Shape{filters}, {"zeros"}) : ir::noValue;
    const auto y = c.b.op("conv2d", {c.in(), w, bias},
        {{"stride", p.list("stride")}, {"padding", std::vector<int64_t>(padding.begin(), padding.end())},
            {"dilation", p.list("dilation")}, {"groups", groups}});
    return {c.activate(y, p.text("activation"))};
}

} // namespace

LayerType conv2d()
{
    LayerType type;
    type.id = "conv2d";
    type.title = "Conv2D";
    type.category = "convolution";
    type.help = "Learns filters that slide over the picture and answer where they find their pattern.";
    type.formula = "y(i,j,k) = Σ x(i+p, j+q, c) · w(p,q,c,k) + b(k)";
    type.parameters = {integerParam("filters", "Filters", 32, 1, 65536, "Number of patterns to learn: channels of the result."),
        pairParam("kernel", "Kernel", 3, 3, 1, 1024, "Height and width of the window each filter sees."),
        pairParam("stride", "Stride", 1, 1, 1, 1024, "How far the window moves at each step; 2 halves the map."),
        paddingParam(),
        pairParam("dilation", "Dilation", 1, 1, 1, 1024, "Distance between the pixels of the window; 2 leaves gaps of one."),
        integerParam("groups", "Groups", 1, 1, 65536, "Divides channels and filters into parts that do not mix.")};
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = inferConv;
    type.lower = lowerConv;
    type.summary = [](const Params& p) {
        return joined({std::to_string(p.integer("filters")), pairText(p.list("kernel")), activationTitle(p.text("activation"))});
    };
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {
        {{{"filters", int64_t{4}}}, image({6, 5, 3})},
        {{{"filters", int64_t{3}}, {"padding", std::string("same")}, {"activation", std::string("relu")}}, image({5, 6, 1})},
        {{{"filters", int64_t{2}}, {"kernel", pair(1, 1)}, {"use_bias", false}}, image({3, 3, 5})},
        {{{"filters", int64_t{4}}, {"stride", pair(2, 3)}, {"kernel", pair(2, 3)}, {"l2", 0.1}}, image({7, 8, 2})},
        {{{"filters", int64_t{4}}, {"dilation", pair(2, 1)}, {"padding", std::string("same")}, {"stride", pair(2, 2)}},
            image({7, 7, 2})},
        {{{"filters", int64_t{4}}, {"groups", int64_t{2}}, {"activation", std::string("tanh")}}, image({5, 5, 4})},
        {{{"filters", int64_t{3}}, {"kernel", pair(4, 4)}, {"activation", std::string("gelu")}}, image({4, 4, 2})},
        {{{"filters", int64_t{6}}, {"groups", int64_t{3}}, {"kernel", pair(3, 3)}}, image({5, 4, 3})},
    };
    return type;
}

} // namespace gradloom::layers
