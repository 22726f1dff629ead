#pragma once

#include "engine/base/registry.h"
#include "engine/train/model.h"

#include <functional>

namespace gradloom::explain {

/// What is asked of an attribution method.
struct Question
{
    Tensor sample;       ///< one sample as the network sees it (H×W×C float, preprocessed)
    int classIndex = -1; ///< whose score; -1: the predicted class
    std::string layer;   ///< node to look at, for methods that need one; empty: the last convolutional one
    Params params;       ///< the method's options
};

struct Answer
{
    Tensor map;           ///< attribution at the method's own resolution, h×w float
    Tensor heat;          ///< `map` resized to the input's H×W (bilinear) and scaled to 0..1
    Tensor probabilities; ///< of all classes
    int classIndex = 0;
    std::string layer;
    double seconds = 0;
};

/// An attribution method as data: one file in engine/explain/methods returns one of these.
struct MethodType
{
    std::string id;    ///< "gradcam"
    std::string title; ///< "Grad-CAM"
    std::string help;
    std::string formula;
    std::vector<ParamSpec> parameters;
    bool needsLayer = false; ///< asks for a convolutional node
    std::function<Result<Answer>(train::Model& model, const Question& question)> explain;
};

const Registry<MethodType>& methodTypes();

/// Nodes of a drawing whose results are feature maps (H×W×C), in order: the choices for `Question::layer`.
std::vector<std::string> convolutionalNodes(const graph::Graph& graph, const layers::TargetTypes& labels);
/// What an empty `Question::layer` stands for: the last convolution, else the last feature map; empty without
/// any.
std::string defaultLayer(const graph::Graph& graph, const layers::TargetTypes& labels);

} // namespace gradloom::explain
