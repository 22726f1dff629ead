#pragma once

#include "engine/data/batch_loader.h"
#include "engine/layers/layer_type.h"
#include "engine/train/loaded_program.h"

namespace gradloom::train {

/// Gives a batch to a program: "input", "labels", "labels:<name>", "weights", "filled", and "changes" and
/// "noise" where the step changes pictures. Made once with the
/// targets of the data set, because putting names together would take memory in every step.
class BatchWriter
{
public:
    /// Without a word on the targets there is one, "labels".
    explicit BatchWriter(const layers::TargetTypes& labels);
    void write(LoadedProgram& program, const data::Batch& batch) const;
    /// Whether everything that the program reads is in the data set, in the right type; else what is not.
    Status check(const LoadedProgram& program, const data::Dataset& dataset) const;

private:
    std::vector<std::string>
        m_targets; ///< names of the program's inputs, in the order of the batch's targets
};

} // namespace gradloom::train
