#include "engine/layers/activation.h"

namespace gradloom::layers {

std::vector<LayerType> allLayerTypes();

const Registry<LayerType>& layerTypes()
{
    static const Registry<LayerType> registry([] {
        std::vector<LayerType> all = allLayerTypes();
        for (const Activation& activation : activations().all())
            all.push_back(activationLayer(activation));
        return all;
    }());
    return registry;
}

const std::vector<Category>& layerCategories()
{
    static const std::vector<Category> categories{{"data", "Data"}, {"convolution", "Convolution"},
        {"pooling", "Pooling"}, {"recurrent", "Recurrent"}, {"attention", "Attention"}, {"core", "Core"},
        {"shape", "Shape"},         {"normalization", "Normalization"}, {"regularization", "Regularization"}, {"activation", "Activation"},
        {"merge", "Merge"}, {"generative", "Generative"}, {"loss", "Loss"}};
    return categories;
}

} // namespace gradloom::layers
