#pragma once

#include "engine/layers/layer_type.h"

/// Functions that are applied to every number of a tensor (or along its last dimension): each is a layer of
/// its own and a choice of the option `activation`.
namespace gradloom::layers {

/// An activation as data. One file in engine/layers/activations returns one of these, and that is all there
/// is to one: the layer, the choice and their tests are made from it.
struct Activation
{
    std::string id;      ///< in files: "relu"; never changes
    std::string title;   ///< "ReLU"
    std::string help;    ///< one line
    std::string formula; ///< readable Unicode text
    /// Emits the function; the result has the shape of `x`.
    std::function<ir::ValueId(ir::Builder& builder, ir::ValueId x, const Params& params)> emit;
    std::vector<ParamSpec> parameters = {}; ///< of the layer; the option `activation` takes their defaults
    std::vector<Params> samples = {};       ///< options besides the defaults on which the layer is tested
};

const Registry<Activation>& activations();

/// The activation as a layer: any shape in, the same out.
LayerType activationLayer(const Activation& activation);

} // namespace gradloom::layers
