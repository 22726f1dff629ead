#pragma once

#include "engine/graph/graph.h"
#include "engine/ir/program.h"
#include "engine/layers/layer_type.h"
#include "engine/train/update_rule.h"

#include <string>
#include <vector>

namespace gradloom::train {

/// What all programs of a drawing are made from.
struct ProgramOptions
{
    int64_t batch = 1;
    layers::Share share;            ///< of what `batch` is the size
    layers::TargetTypes labels;     ///< what the data set says about each sample
    bool training = false;          ///< dropout drops, batch normalisation uses the batch's statistics
    std::vector<std::string> watch; ///< nodes whose results become outputs "node:<id>"
    layers::Side side = layers::Side::None; ///< of a drawing that plays a GAN's game
    int64_t augmentedViews = 0; ///< above 0: a training step changes its pictures, so many for each sample, by itself
};

/// The recipe "supervised": forward, losses, gradients of all trainable weights as one vector, update.
struct TrainingRecipe
{
    UpdateRule rule;
    bool keepGradients = false;
    int64_t slotOffset = 0; ///< room for what another program of the model keeps in its slots
};

/// One training step that ends with the update of the weights; in a GAN's game of those of `ProgramOptions::side`,
/// which then is not None: the discriminator learns from the game's objective, the generator from that and all
/// other losses.
///
/// Inputs: "input", "labels", "weights" ({N}: what a sample counts in the losses, 0 for filler), "filled"
/// ({N}: 1 for a sample, 0 for filler), "random" (4 integers: seed low, seed high, step low, step high),
/// "learning_rate" ({1}) and "step" ({1}: number of this update, from 1); those that nothing reads may be
/// missing. With `augmentedViews` "input" is N×views×H×W×C, and "changes" and "noise" are the tables of the primitive
/// `augment`. Outputs: "loss" ({1}: Σ weight·loss / Σ weight, and what stems from weights), "metric:<name>"
/// ({1}, mean over the samples that are no filler) and, with `keepGradients`, "gradients" ({P}, in the order
/// of the flat parameter buffer).
///
/// Of a `ProgramOptions::share` it is the same for the whole batch: losses, metrics and gradients are sums over the
/// devices (the primitive sum_over_devices), divided by what all samples count.
Result<ir::Program> trainingProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe);

/// The same without the update: its gradients are added to those that the next `trainingProgram` of the same
/// recipe (with `rule.accumulate`) finds.
Result<ir::Program> accumulationProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe);

/// Forward pass for judging. Outputs, where the drawing has them: "probabilities", "scores", "losses" ({N},
/// the weighted sum of all losses of each sample), "metric:<name>" ({N}), "penalty" ({1}), "true classes" or
/// "true numbers" (what the first loss compares with), "steps that count" (1 or 0 for each step, where not
/// all do) and what is watched. Of the losses behind the first one "probabilities", "true ..." and "steps
/// ..." end with ":<node>".
Result<ir::Program> forwardProgram(const graph::Graph& graph, const ProgramOptions& options);

/// New samples made from noise: output "generated", {batch}×shape of a sample, in the range the network was trained on.
/// An Error for a drawing that makes none.
Result<ir::Program> generatingProgram(const graph::Graph& graph, const ProgramOptions& options);

/// The weighted sum of a drawing's losses per sample, {N}; noValue where there are none. Adds to the builder.
ir::ValueId lossesPerSample(ir::Builder& builder, const std::vector<std::pair<ir::ValueId, double>>& losses);

} // namespace gradloom::train
