#pragma once

#include "engine/project/project.h"
#include "engine/train/schedule_type.h"
#include "engine/train/training_options.h"
#include "engine/train/update_rule.h"

namespace gradloom::train {

/// How a project is trained, looked up and checked.
struct Methods
{
    const OptimizerType* optimizer = nullptr;
    Params optimizerParams; ///< complete
    const ScheduleType* schedule = nullptr;
    Params scheduleParams; ///< complete
    TrainingOptions options;
    const OptimizerType* generatorOptimizer = nullptr; ///< of a GAN's generator, where it has its own
    Params generatorParams;

    double learningRate() const { return optimizerParams.real("learning_rate"); }
    UpdateRule rule() const;
    UpdateRule generatorRule() const; ///< without an optimizer where `rule` serves both sides
};

/// The Error lists what there is, or says which option is wrong.
Result<Methods> chooseMethods(const project::Training& training);

} // namespace gradloom::train
