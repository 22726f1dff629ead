#include "engine/layers/convolution.h"

namespace gradloom::layers {

LayerType conv3d()
{
    LayerType type = convolutionLayer(3, "conv3d", "Conv3D");
    type.help = "Learns filters that slide over a volume or a film and answer where they find their pattern.";
    type.formula = "y(d,i,j,k) = Σ x(d+o, i+p, j+q, c) · w(o,p,q,c,k) + b(k)";
    const auto sizes = [](int64_t a, int64_t b, int64_t c) { return std::vector<int64_t>{a, b, c}; };
    const auto volume = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto same = std::string("same");
    type.samples = {
        {{{"filters", int64_t{3}}}, volume({4, 3, 5, 2})},
        {{{"filters", int64_t{2}}, {"padding", same}, {"activation", std::string("relu")}},
            volume({3, 4, 1, 1})},
        {{{"filters", int64_t{2}}, {"kernel", sizes(1, 1, 1)}, {"use_bias", false}}, volume({1, 1, 1, 5})},
        {{{"filters", int64_t{2}}, {"kernel", sizes(2, 1, 2)}, {"stride", sizes(3, 2, 1)}, {"l2", 0.1}},
            volume({6, 4, 3, 3})},
        {{{"filters", int64_t{3}}, {"kernel", sizes(3, 2, 4)}, {"activation", std::string("elu")}},
            volume({3, 2, 4, 1})},
        {{{"filters", int64_t{2}}, {"padding", same}, {"stride", sizes(2, 2, 2)},
             {"dilation", sizes(2, 1, 1)}},
            volume({5, 4, 4, 2})},
        {{{"filters", int64_t{2}}, {"kernel", sizes(2, 2, 2)}, {"padding", std::string("explicit")},
             {"pad", std::vector<int64_t>{1, 0, 2, 0, 1, 0}}},
            volume({2, 3, 2, 2})},
    };
    return type;
}

} // namespace gradloom::layers
