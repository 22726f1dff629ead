#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType dense()
{
    LayerType type;
    type.id = "dense";
    type.title = "Dense";
    type.category = "core";
    type.help = "Every output sees every input, each connection with a weight of its own. On a sequence "
                "(steps, features) the same weights serve every step.";
    type.formula = "y(k) = Σ x(i) · w(i,k) + b(k)";
    type.parameters = {integerParam("units", "Units", 64, 1, 1 << 20, "Number of outputs.")};
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        Shape shape = in[0].shape;
        // A picture is nearly always a forgotten Flatten; its channels alone are what a 1×1 Conv2D is for.
        if (shape.rank() < 1 || shape.rank() > 2)
            return needsFeatures("Dense", shape);
        shape.setExtent(-1, p.integer("units"));
        return shape;
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape& x = c.b.shape(c.in());
        const int64_t features = x[-1];
        const int64_t units = c.params.integer("units");
        const auto w = c.kernel(Shape{features, units}, features, units);
        const auto bias = c.params.flag("use_bias") ? c.weight("bias", Shape{units}, {"zeros"}) : ir::noValue;
        const auto rows = c.b.reshape(c.in(), Shape{x.elements() / features, features});
        const auto y = c.b.op("gemm", {rows, w, bias}, {{"trans_a", false}, {"trans_b", false}});
        const auto activated = c.activate(y, c.params.text("activation"));
        return {c.b.reshape(activated, c.outputTypes[0].shape.prepended(x[0]))};
    };
    type.summary = [](const Params& p) {
        return joined({std::to_string(p.integer("units")), activationTitle(p.text("activation"))});
    };
    type.samples = {{{{"units", int64_t{5}}}, {{Shape{7}, DType::F32}}},
        {{{"units", int64_t{3}}, {"activation", std::string("relu")}, {"l2", 0.05}}, {{Shape{4}, DType::F32}}},
        {{{"units", int64_t{1}}, {"use_bias", false}, {"activation", std::string("sigmoid")}}, {{Shape{1}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("softmax")}}, {{Shape{6}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("elu")}}, {{Shape{6}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("silu")}}, {{Shape{6}, DType::F32}}},
        {{{"units", int64_t{3}}, {"activation", std::string("relu")}}, {{Shape{4, 5}, DType::F32}}},
        {{{"units", int64_t{2}}, {"activation", std::string("softmax")}, {"l2", 0.1}}, {{Shape{1, 3}, DType::F32}}},
        {{{"units", int64_t{3}}, {"l1", 0.07}, {"max_norm", 1.0}}, {{Shape{4}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
