#pragma once

#include "engine/layers/layer_type.h"

/// Options and sentences that several layers share.
namespace gradloom::layers {

/// "none", "relu" and so on with their titles.
const std::vector<ParamChoice>& activationChoices();
/// "ReLU" for "relu"; empty for "none".
std::string activationTitle(const std::string& activation);
/// "a · b · c" of the parts that are not empty.
std::string joined(std::initializer_list<std::string> parts);

ParamSpec activationParam();
/// Options of a layer with weights: activation, use_bias, initializer, l1, l2, max_norm, frozen.
std::vector<ParamSpec> weightParams();

/// The fault for an input that is not H×W×C; proposes what makes it one.
Fault needsImage(const std::string& title, const Shape& input);
/// The fault for an input that is not a vector; proposes Flatten.
Fault needsFeatures(const std::string& title, const Shape& input);
/// The fault for tokens where numbers are needed, or numbers where tokens are; proposes Embedding for the former.
Fault wrongKind(const std::string& title, const TensorType& input, int port);
/// "(N, 7, 7, 64)"
std::string batchShape(const Shape& perSample);

} // namespace gradloom::layers
