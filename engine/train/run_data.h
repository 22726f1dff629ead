#pragma once

#include "engine/backend/backend.h"
#include "engine/data/augment.h"
#include "engine/data/preprocess.h"
#include "engine/data/source_type.h"
#include "engine/graph/graph.h"
#include "engine/layers/layer_type.h"
#include "engine/project/project.h"

#include <map>
#include <optional>

namespace gradloom::train {

/// Pictures that a step on the device `device` ("cpu", "cuda:0") mixes to each sample and changes by itself, of these
/// options of augmentation; 0 where the loader changes them: on the CPU, whose threads have other work in a step.
int64_t viewsOn(std::string_view device, const Params& augment);

/// A project's data, ready for training: loaded, split, with the preprocessing found out from the training
/// part.
struct RunData
{
    data::LoadedData loaded;
    data::DataSplit split;
    data::Preprocess preprocess;
    std::shared_ptr<const data::Augmenter> augment; ///< nullptr: samples stay as they are

    /// The same of this data's augmentation.
    int64_t viewsOn(const backend::Backend& device) const;
    /// Of the first target; 0 where it is not classes.
    int64_t classes() const { return loaded.classCount(); }
    /// Names and types of the targets.
    layers::TargetTypes labels() const;
    /// The target that the first loss of the drawing compares with, which is what a prediction means; nullptr
    /// where it compares with something computed (autoencoders) or the data set has none.
    const data::Target* judged(const graph::Graph& graph) const;
    /// Of targets that were standardised: see EvaluateOptions::deviations.
    std::map<std::string, std::vector<float>> deviations() const;
    /// Its place among the targets, -1 where there is none.
    int judgedIndex(const graph::Graph& graph) const;
};

/// Loads and splits the data that the project names. The Error of a missing data set says what to install.
Result<RunData> loadRunData(const project::Project& project, const data::SourceContext& context);

/// What the option `preprocess` of a project stands for, in the terms of engine/data.
Result<Params> preprocessOptions(const std::string& preprocess);

layers::TargetTypes targetTypes(const data::LoadedData& data);

/// Checks that the drawing takes the data set's samples and can learn its targets: element types, shapes,
/// numbers of classes, size of the vocabulary; the Error names the node.
Status checkFit(const graph::Graph& graph, const data::LoadedData& data);

/// What must be known besides the weights to use a network on new samples; kept in the weights' file.
struct Preparation
{
    data::Preprocess preprocess;
    std::vector<std::string> classNames; ///< of what is predicted; empty where that is not classes
    std::string target;                  ///< name of what is predicted
    std::string unit;
    std::vector<float> mean; ///< predicted numbers × deviation + mean are in their own unit; may be empty
    std::vector<float> deviation;
    float valueMaximum = 255; ///< largest value of a stored sample

    std::map<std::string, std::string> metadata() const;
    /// Nothing where the file says nothing or nonsense.
    static std::optional<Preparation> fromMetadata(const std::map<std::string, std::string>& metadata);
};
Preparation preparationOf(const RunData& data, const graph::Graph& graph);

} // namespace gradloom::train
