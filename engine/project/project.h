#pragma once

#include "engine/graph/graph.h"

#include <filesystem>
#include <optional>
#include <string>

namespace gradloom::project {

/// Something chosen from a registry, with its options: an optimizer, a schedule, a data source.
struct Choice
{
    std::string type;
    Params params;
    bool operator==(const Choice&) const = default;
};

/// How a project is trained. The kinds of optimizer and schedule are looked up in engine/train.
struct Training
{
    Choice optimizer{"adam", {}};
    std::optional<Choice> generatorOptimizer; ///< of a GAN's generator; none: the same as the discriminator's
    Choice schedule{"constant", {}};
    int64_t batch = 64;
    int64_t epochs = 8;
    uint64_t seed = 1;
    double validationShare = 0.1; ///< of the training part, held out for validation; 0 .. 0.9
    Params options;               ///< engine/train/training_options.h declares them
    bool operator==(const Training&) const = default;
};

/// Which data, and what is done to it before the network sees it.
struct Data
{
    Choice source{"shapes", {}};
    std::string preprocess =
        "scale"; ///< scale: 0..1; centre: −1..1; standardise: mean 0, deviation 1 of the training part; none
    Params augment; ///< how pictures are changed at random in training; engine/data/augment.h declares the options
    bool operator==(const Data&) const = default;
};

/// Everything that stands in a project file.
struct Project
{
    std::string name;
    std::string description;
    std::string expected; ///< what a training with the default seed reaches, in words
    Data data;
    graph::Graph graph;
    Training training;
    bool operator==(const Project&) const = default;
};

inline constexpr int currentFormat = 1;
inline constexpr int64_t maxProjectBytes = 16 << 20;
inline constexpr int64_t maxBatch = 1 << 20;
inline constexpr int64_t maxEpochs = 1'000'000;
inline constexpr double maxValidationShare = 0.9;

/// Reads a project. The text is untrusted: size, nesting, counts, types and ranges are checked before memory
/// is taken; the error names `origin` (a file name) and the place in it ("nodes[3].options.filters"). Layers
/// that this program does not know, duplicate ids, dangling edges and cycles are errors; a drawing that is
/// merely unfinished (missing connections, shapes that do not fit) loads.
Result<Project> parseProject(const std::string& text, const std::string& origin);
/// The file's text: stable key order, one node a line.
std::string formatProject(const Project& project);

Result<Project> loadProject(const std::filesystem::path& path);
/// Atomic: temporary file, fsync, rename. On an error the old file is untouched. A project that could not be
/// read back (a name of a megabyte) is not written.
Status saveProject(const Project& project, const std::filesystem::path& path);

} // namespace gradloom::project
