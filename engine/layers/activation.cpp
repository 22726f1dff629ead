#include "engine/layers/activation.h"

#include "engine/layers/layer_options.h"

namespace gradloom::layers {

std::vector<Activation> allActivations();

const Registry<Activation>& activations()
{
    static const Registry<Activation> registry(allActivations());
    return registry;
}

const std::vector<ParamChoice>& activationChoices()
{
    static const std::vector<ParamChoice> choices = [] {
        std::vector<ParamChoice> all{{"none", "none"}};
        for (const Activation& activation : activations().all())
            all.push_back({activation.id, activation.title});
        return all;
    }();
    return choices;
}

std::string activationTitle(const std::string& activation)
{
    const Activation* known = activations().find(activation);
    return known ? known->title : std::string();
}

ir::ValueId LowerContext::activate(ir::ValueId x, const std::string& activation)
{
    if (activation == "none")
        return x;
    const Activation* known = activations().find(activation);
    if (!known)
        throw std::logic_error("there is no activation \"" + activation + "\"");
    return known->emit(b, x, completeParams(known->parameters, {}, known->id).value());
}

LayerType activationLayer(const Activation& activation)
{
    LayerType type;
    type.id = activation.id;
    type.title = activation.title;
    type.category = "activation";
    type.help = activation.help;
    type.formula = activation.formula;
    type.parameters = activation.parameters;
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred { return in[0]; };
    type.lower = [emit = activation.emit](
                     LowerContext& c) -> std::vector<ir::ValueId> { return {emit(c.b, c.in(), c.params)}; };
    // Formulas call the one constant that some activations have α.
    type.summary = [](const Params& p) {
        return p.size() == 0 ? std::string() : "α = " + formatParam(p.begin()->second);
    };
    type.samples = {{{}, {{Shape{7}, DType::F32}}}, {{}, {{Shape{3, 4, 5}, DType::F32}}}};
    for (const Params& params : activation.samples)
        type.samples.push_back({params, {{Shape{9}, DType::F32}}});
    return type;
}

} // namespace gradloom::layers
