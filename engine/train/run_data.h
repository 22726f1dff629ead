#pragma once

#include "engine/data/preprocess.h"
#include "engine/data/source_type.h"
#include "engine/graph/graph.h"
#include "engine/project/project.h"

#include <map>
#include <optional>

namespace gradloom::train {

/// A project's data, ready for training: loaded, split, with the preprocessing found out from the training
/// part.
struct RunData
{
    data::LoadedData loaded;
    data::DataSplit split;
    data::Preprocess preprocess;

    int64_t classes() const { return loaded.classCount(); }
    /// Type of one sample's label.
    TensorType labels() const { return {Shape(), DType::I32}; }
};

/// Loads and splits the data that the project names. The Error of a missing data set says what to install.
Result<RunData> loadRunData(const project::Project& project, const data::SourceContext& context);

/// What the option `preprocess` of a project stands for, in the terms of engine/data.
Result<Params> preprocessOptions(const std::string& preprocess);

/// Checks that the drawing takes samples of this shape and knows this many classes; the Error names the node.
Status checkFit(const graph::Graph& graph, const Shape& sample, int64_t classes);

/// What must be known besides the weights to use a network on new pictures; kept in the weights' file.
struct Preparation
{
    data::Preprocess preprocess;
    std::vector<std::string> classNames;
    float valueMaximum = 255; ///< largest value of a stored sample

    std::map<std::string, std::string> metadata() const;
    /// Nothing where the file says nothing or nonsense.
    static std::optional<Preparation> fromMetadata(const std::map<std::string, std::string>& metadata);
};
Preparation preparationOf(const RunData& data);

} // namespace gradloom::train
