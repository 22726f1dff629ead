#pragma once

#include "engine/train/model.h"

namespace gradloom::train {

/// What a run took over from a file of weights, and what not.
struct TransferReport
{
    std::string file;
    std::vector<std::string> taken; ///< names of weights
    std::vector<std::string>
        fresh; ///< weights of the drawing that start anew, with the reason where shapes differ
    std::vector<std::string> unused; ///< names in the file for which the drawing has no place

    /// One sentence for people.
    std::string toString() const;
};

/// Gives the model the weights of a .safetensors file that have the name and shape of one of its own. An
/// Error where none fits; nothing changes then.
Result<TransferReport> transferWeights(Model& model, const std::filesystem::path& path);

} // namespace gradloom::train
