#pragma once

#include "engine/layers/layer_type.h"

#include <array>

/// Options and sentences that several layers share.
namespace gradloom::layers {

/// "none", "relu" and so on with their titles.
const std::vector<ParamChoice>& activationChoices();
/// "ReLU" for "relu"; empty for "none".
std::string activationTitle(const std::string& activation);
/// "3×3"
std::string pairText(const std::vector<int64_t>& pair);
/// "a · b · c" of the parts that are not empty.
std::string joined(std::initializer_list<std::string> parts);

ParamSpec activationParam();
ParamSpec paddingParam();
/// Options of a layer with weights: activation, use_bias, initializer, l1, l2, max_norm, frozen.
std::vector<ParamSpec> weightParams();

/// Padding (top, left, bottom, right) of "valid" or "same". With "same" the result has ceil(extent / stride) rows; an odd
/// remainder goes to the bottom and right, as in Keras.
std::array<int64_t, 4> paddingOf(const Params& params, const Shape& input, const std::vector<int64_t>& kernel,
    const std::vector<int64_t>& dilation);
/// H×W of the result of a window, or the fault that it does not fit.
Inferred windowShape(const std::string& title, const Params& params, const Shape& input, const std::string& kernelKey,
    int64_t channels);

/// The fault for an input that is not H×W×C; proposes what makes it one.
Fault needsImage(const std::string& title, const Shape& input);
/// The fault for an input that is not a vector; proposes Flatten.
Fault needsFeatures(const std::string& title, const Shape& input);
/// The fault for tokens where numbers are needed, or numbers where tokens are; proposes Embedding for the former.
Fault wrongKind(const std::string& title, const TensorType& input, int port);
/// "(N, 7, 7, 64)"
std::string batchShape(const Shape& perSample);

/// A pooling layer whose primitive has the same id as the layer.
LayerType poolingLayer(std::string id, std::string title);

/// An activation as a layer of its own: any shape in, the same out.
LayerType activationLayer(std::string id, std::string title, std::string help, std::string formula);

} // namespace gradloom::layers
