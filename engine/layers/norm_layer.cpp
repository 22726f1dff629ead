#include "engine/layers/norm_layer.h"

namespace gradloom::layers {

std::vector<ParamSpec> normParams()
{
    return {realParam("epsilon", "Epsilon", 1e-5, 1e-9, 1, "Keeps the division from zero."),
        switchParam("scale", "Scale", true, "Multiplies each channel by a learned number γ."),
        switchParam("center", "Shift", true, "Adds a learned number β to each channel."),
        switchParam("frozen", "Freeze weights", false, "Leaves γ and β as they are during training.")};
}

ir::ValueId normalise(LowerContext& c, ir::ValueId x, const Normalization& n)
{
    const Shape channels{c.b.shape(x)[-1]};
    const auto gamma = n.scale ? c.weight(n.prefix + "weight", channels, {"ones"}) : ir::noValue;
    const auto beta = n.center ? c.weight(n.prefix + "bias", channels, {"zeros"}) : ir::noValue;
    return c.b.op(
        "group_norm", {x, gamma, beta}, {{"axis", n.axis}, {"groups", n.groups}, {"epsilon", n.epsilon}});
}

ir::ValueId normalise(LowerContext& c, int64_t axis, int64_t groups)
{
    return normalise(c, c.in(),
        {"", axis, groups, c.params.real("epsilon"), c.params.flag("scale"), c.params.flag("center")});
}

} // namespace gradloom::layers
