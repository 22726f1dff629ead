#pragma once

#include "engine/graph/adversary.h"
#include "engine/graph/analysis.h"
#include "engine/ir/builder.h"

#include <map>
#include <optional>

namespace gradloom::compile {

struct LowerOptions
{
    int64_t batch = 1;
    bool training = false; ///< dropout drops, batch normalisation uses the batch's statistics
    bool generate = false; ///< `Lowered::generated` is made from noise alone, as after training
    layers::Side side = layers::Side::None; ///< of a drawing that plays a GAN's game
    layers::Share share; ///< of what `batch` is the size
    layers::TargetTypes labels; ///< what the data set says about each sample; empty: not known
    /// Nodes whose results must stay readable: nothing is fused across them. Named outputs "node:<id>".
    std::vector<std::string> watch;
};

/// A drawing as primitives, forward only. Inputs of the program are named "input" (the Input node's samples), "labels",
/// "labels:<name>" (targets of the data set but the first) and "random" (see LowerContext::randomCounter); each is there only where something reads it.
struct Lowered
{
    ir::Builder builder;
    std::map<std::string, std::vector<ir::ValueId>> nodes; ///< results of each node by port
    ir::ValueId input = ir::noValue;
    ir::ValueId labels = ir::noValue;
    ir::ValueId random = ir::noValue;
    ir::ValueId scores = ir::noValue;        ///< before softmax or sigmoid, of the first loss
    ir::ValueId probabilities = ir::noValue; ///< what a prediction shows
    bool generative = false; ///< samples can be made from noise alone: a GAN, a variational autoencoder
    ir::ValueId generated = ir::noValue; ///< new samples, where the drawing makes any: a GAN's fake ones, else the prediction
    /// What a loss compares, in the order of the losses.
    struct Answer
    {
        std::string node;
        ir::ValueId probabilities = ir::noValue; ///< what is said
        ir::ValueId truth = ir::noValue;         ///< what is true
        bool classes = false;                    ///< it is about classes, not numbers
        ir::ValueId steps = ir::noValue;         ///< which steps count, where not all do
    };
    std::vector<Answer> answers;
    ir::ValueId penalty = ir::noValue; ///< shape {1}: terms of the loss that stem from weights
    struct Loss
    {
        std::string node;
        ir::ValueId perSample; ///< shape {N}
        double weight;
        bool adversarial = false; ///< of the game's objective
    };
    std::vector<Loss> losses;
    std::vector<layers::LowerContext::MaxNorm> maxNorms; ///< limits on weights, kept after each update
    std::optional<graph::Adversary> game;
    int64_t generatorElements = 0; ///< trainable weights of the game's generator: the first ones
    std::vector<std::pair<std::string, ir::ValueId>> metrics; ///< name and value per sample, shape {N}
};

/// Lowers a valid drawing, repeated groups written out (an invalid one gives its first problem as the error).
/// Weights get their places in the flat buffers in topological order, whatever the options, so that all programs of a
/// drawing share one model memory. In a GAN's game the generator's weights come first, so that either side's are one
/// range.
Result<Lowered> lower(const graph::Graph& graph, const LowerOptions& options);

} // namespace gradloom::compile
