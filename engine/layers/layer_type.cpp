#include "engine/layers/layer_type.h"

namespace gradloom::layers {

std::vector<LayerType> allLayerTypes();

const Registry<LayerType>& layerTypes()
{
    static const Registry<LayerType> registry(allLayerTypes());
    return registry;
}

const std::vector<Category>& layerCategories()
{
    static const std::vector<Category> categories{{"data", "Data"}, {"convolution", "Convolution"},
        {"pooling", "Pooling"}, {"recurrent", "Recurrent"}, {"attention", "Attention"}, {"core", "Core"},
        {"normalization", "Normalization"}, {"regularization", "Regularization"}, {"activation", "Activation"},
        {"merge", "Merge"}, {"generative", "Generative"}, {"loss", "Loss"}};
    return categories;
}

} // namespace gradloom::layers
