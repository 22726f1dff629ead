#include "engine/layers/convolution.h"

namespace gradloom::layers {

LayerType conv2d()
{
    LayerType type = convolutionLayer(2, "conv2d", "Conv2D");
    type.help = "Learns filters that slide over the picture and answer where they find their pattern.";
    type.formula = "y(i,j,k) = Σ x(i+p, j+q, c) · w(p,q,c,k) + b(k)";
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto same = std::string("same");
    type.samples = {
        {{{"filters", int64_t{4}}}, image({6, 5, 3})},
        {{{"filters", int64_t{3}}, {"padding", same}, {"activation", std::string("relu")}}, image({5, 6, 1})},
        {{{"filters", int64_t{2}}, {"kernel", pair(1, 1)}, {"use_bias", false}}, image({3, 3, 5})},
        {{{"filters", int64_t{4}}, {"stride", pair(2, 3)}, {"kernel", pair(2, 3)}, {"l2", 0.1}},
            image({7, 8, 2})},
        {{{"filters", int64_t{4}}, {"dilation", pair(2, 1)}, {"padding", same}, {"stride", pair(2, 2)}},
            image({7, 7, 2})},
        {{{"filters", int64_t{4}}, {"groups", int64_t{2}}, {"activation", std::string("tanh")}},
            image({5, 5, 4})},
        {{{"filters", int64_t{3}}, {"kernel", pair(4, 4)}, {"activation", std::string("gelu")}},
            image({4, 4, 2})},
        {{{"filters", int64_t{6}}, {"groups", int64_t{3}}, {"kernel", pair(3, 3)}}, image({5, 4, 3})},
        {{{"filters", int64_t{3}}, {"kernel", pair(2, 1)}, {"stride", pair(3, 2)},
             {"activation", std::string("mish")}},
            image({7, 1, 3})},
        {{{"filters", int64_t{2}}, {"padding", std::string("explicit")},
             {"pad", std::vector<int64_t>{0, 2, 1, 3}}, {"activation", std::string("log_softmax")}},
            image({3, 2, 3})},
        {{{"filters", int64_t{5}}, {"kernel", pair(1, 1)}, {"activation", std::string("selu")}},
            image({1, 1, 1})},
    };
    return type;
}

} // namespace gradloom::layers
