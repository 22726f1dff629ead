#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// Goodfellow et al., "Generative adversarial nets", 2014.
LayerType real_or_fake()
{
    LayerType type;
    type.id = "real_or_fake";
    type.title = "Real or fake";
    type.category = "generative";
    type.adversarial = true;
    type.help = "Where a GAN's two sides meet: what comes in at `fake` is the generator's work, what follows is the "
                "discriminator, which is shown real and fake samples alike.";
    type.formula = "D learns to tell x from G(z), G to deceive D";
    type.inputs = {{"real", "samples of the data set", false}, {"fake", "what the generator makes", false}};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (!(in[0].shape == in[1].shape))
            return Fault{"Real or fake needs both inputs of one shape but gets real " + batchShape(in[0].shape) +
                    " and fake " + batchShape(in[1].shape) + ". Let the generator end with the shape of the real samples.",
                {}};
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        if (c.side == Side::Discriminator)
            return {c.b.op("concat", {c.in(0), c.in(1)}, {{"axis", int64_t{0}}})};
        return {c.side == Side::Generator ? c.in(1) : c.in(0)};
    };
    type.summary = [](const Params&) { return std::string("real · fake"); };
    const TensorType picture{Shape{3, 2, 1}, DType::F32};
    type.samples = {{{}, {picture, picture}}, {{}, {{Shape{4}, DType::F32}, {Shape{4}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
