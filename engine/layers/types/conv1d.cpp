#include "engine/layers/convolution.h"

namespace gradloom::layers {

LayerType conv1d()
{
    LayerType type = convolutionLayer(1, "conv1d", "Conv1D");
    type.help = "Learns filters that slide over a sequence and answer where they find their pattern.";
    type.formula = "y(t,k) = Σ x(t+p, c) · w(p,c,k) + b(k)";
    const auto steps = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto same = std::string("same");
    const auto amounts = [](int64_t before, int64_t after) { return std::vector<int64_t>{before, after}; };
    type.samples = {
        {{{"filters", int64_t{4}}}, steps({7, 3})},
        {{{"filters", int64_t{3}}, {"padding", same}, {"activation", std::string("relu")}}, steps({6, 1})},
        {{{"filters", int64_t{2}}, {"kernel", int64_t{1}}, {"use_bias", false}}, steps({1, 5})},
        {{{"filters", int64_t{4}}, {"kernel", int64_t{2}}, {"stride", int64_t{3}}, {"l2", 0.1}},
            steps({8, 2})},
        {{{"filters", int64_t{3}}, {"kernel", int64_t{5}}, {"activation", std::string("tanh")}},
            steps({5, 3})},
        {{{"filters", int64_t{4}}, {"groups", int64_t{2}}, {"dilation", int64_t{2}}, {"padding", same}},
            steps({9, 4})},
        // Padding in front alone: what a step gives depends on no later one.
        {{{"filters", int64_t{2}}, {"dilation", int64_t{2}}, {"padding", std::string("explicit")},
             {"pad", amounts(4, 0)}},
            steps({6, 2})},
    };
    return type;
}

} // namespace gradloom::layers
