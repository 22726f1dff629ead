#pragma once

#include "engine/data/batch_loader.h"
#include "engine/train/judged.h"
#include "engine/train/model.h"

#include <functional>
#include <map>

namespace gradloom::train {

/// How well one class is recognised.
struct ClassScore
{
    double precision = 0; ///< share of the predictions of this class that are right; 0 where there are none
    double recall = 0;    ///< share of the samples of this class that are found; 0 where there are none
    double f1 = 0;        ///< harmonic mean of both
    int64_t support = 0;  ///< samples of this class
};

/// Numbers over a part of the data. Without classes (regression, autoencoders) accuracy is NaN and the tables
/// are empty; they are also where there are more than a thousand classes.
struct Evaluation
{
    int64_t samples = 0;
    double loss = 0; ///< mean over the samples, with the terms that stem from weights
    double accuracy = 0;
    std::vector<ClassScore> perClass;
    std::vector<std::vector<int64_t>> confusion; ///< [true class][predicted class]
    double macroPrecision = 0;
    double macroRecall = 0;
    double macroF1 = 0;
    /// All that apply, by MetricType::id; of the losses behind the first one "<node>.<id>".
    std::map<std::string, double> metrics;
    double seconds = 0;
};

/// Confusion matrix and everything that follows from it. Source of the definitions: Sokolova and Lapalme
/// 2009.
Evaluation scoreClasses(std::span<const int32_t> truth, std::span<const int32_t> predicted, int64_t classes);

struct EvaluateOptions
{
    int64_t batch = 128;
    int64_t largestTable = int64_t{1} << 22; ///< probabilities that are kept for AUC; it is left out beyond
    /// Of targets that were standardised: the deviation of each place of the last dimension, by the target's name
    /// ("" for the first), so that MAE and RMSE are in the target's own unit.
    std::map<std::string, std::vector<float>> deviations;
    /// Asked before every batch; the evaluation ends with an Error once it says true.
    std::function<bool()> cancelled;
    /// Called after every batch with the samples done so far.
    std::function<void(int64_t done, int64_t total)> progress;
};

/// The forward pass that judges so many samples at a time; a GAN is judged by its discriminator.
Result<ir::Program> judgingProgram(
    const graph::Graph& graph, const layers::TargetTypes& labels, int64_t batch);
/// Samples at a time in a run that trains with `batch` on a device: no more where its memory is counted, so that
/// judging takes none that training could do without.
int64_t validationBatch(int64_t batch, const backend::Planner& device);
/// Loads now what `evaluate` would load at its first batch.
Status prepareEvaluation(Model& model, int64_t batch);

/// Judges the model on a part of the data.
Result<Evaluation> evaluate(Model& model, const data::DataPart& part, const data::Preprocess& preprocess,
    int64_t classes, const EvaluateOptions& options = {});

/// What the network says to samples as it sees them (N×sample shape, preprocessed: F32, or I32 tokens):
/// N×(prediction's shape), probabilities where it is a classifier.
Result<Tensor> predict(Model& model, const Tensor& samples);

} // namespace gradloom::train
