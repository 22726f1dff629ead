#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType dense()
{
    LayerType type;
    type.id = "dense";
    type.title = "Dense";
    type.category = "core";
    type.help = "Every output sees every input, each connection with a weight of its own.";
    type.formula = "y(k) = Σ x(i) · w(i,k) + b(k)";
    type.parameters = {integerParam("units", "Units", 64, 1, 1 << 20, "Number of outputs.")};
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() != 1)
            return needsFeatures("Dense", in[0].shape);
        return Shape{p.integer("units")};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const int64_t features = c.b.shape(c.in())[1];
        const int64_t units = c.params.integer("units");
        const auto w = c.kernel(Shape{features, units}, features, units);
        const auto bias = c.params.flag("use_bias") ? c.weight("bias", Shape{units}, {"zeros"}) : ir::noValue;
        const auto y = c.b.op("gemm", {c.in(), w, bias}, {{"trans_a", false}, {"trans_b", false}});
        return {c.activate(y, c.params.text("activation"))};
    };
    type.summary = [](const Params& p) {
        return joined({std::to_string(p.integer("units")), activationTitle(p.text("activation"))});
    };
    type.samples = {{{{"units", int64_t{5}}}, {{Shape{7}, DType::F32}}},
        {{{"units", int64_t{3}}, {"activation", std::string("relu")}, {"l2", 0.05}}, {{Shape{4}, DType::F32}}},
        {{{"units", int64_t{1}}, {"use_bias", false}, {"activation", std::string("sigmoid")}}, {{Shape{1}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("softmax")}}, {{Shape{6}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("elu")}}, {{Shape{6}, DType::F32}}},
        {{{"units", int64_t{4}}, {"activation", std::string("silu")}}, {{Shape{6}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
