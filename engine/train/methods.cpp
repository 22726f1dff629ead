#include "engine/train/methods.h"

namespace gradloom::train {

namespace {

template <typename T>
Result<const T*> findMethod(const Registry<T>& registry, const std::string& id, const char* kind)
{
    if (const T* found = registry.find(id))
        return found;
    std::string known;
    for (const T& type : registry.all())
        known += (known.empty() ? "" : ", ") + type.id;
    return notFound(std::string("There is no ") + kind + " \"" + id + "\"; known are: " + known + ".");
}

} // namespace

UpdateRule Methods::rule() const
{
    return {optimizer, optimizerParams, options.clipValue, options.clipNorm, options.emaDecay,
        options.accumulate > 1};
}

UpdateRule Methods::generatorRule() const
{
    UpdateRule result = rule();
    result.optimizer = generatorOptimizer;
    result.params = generatorParams;
    return result;
}

Result<Methods> chooseMethods(const project::Training& training)
{
    auto optimizer = findMethod(optimizerTypes(), training.optimizer.type, "optimizer");
    if (!optimizer)
        return optimizer.error();
    auto schedule = findMethod(scheduleTypes(), training.schedule.type, "learning-rate schedule");
    if (!schedule)
        return schedule.error();
    Methods methods;
    methods.optimizer = *optimizer;
    methods.schedule = *schedule;
    auto optimizerParams = completeParams(
        methods.optimizer->parameters, training.optimizer.params, "optimizer " + methods.optimizer->id);
    if (!optimizerParams)
        return optimizerParams.error();
    auto scheduleParams = completeParams(
        methods.schedule->parameters, training.schedule.params, "schedule " + methods.schedule->id);
    if (!scheduleParams)
        return scheduleParams.error();
    auto options = readTrainingOptions(training.options);
    if (!options)
        return options.error();
    if (training.generatorOptimizer) {
        auto generator = findMethod(optimizerTypes(), training.generatorOptimizer->type, "optimizer");
        if (!generator)
            return generator.error();
        methods.generatorOptimizer = *generator;
        auto params = completeParams((*generator)->parameters, training.generatorOptimizer->params,
            "the generator's optimizer " + (*generator)->id);
        if (!params)
            return params.error();
        methods.generatorParams = std::move(*params);
    }
    methods.optimizerParams = std::move(*optimizerParams);
    methods.scheduleParams = std::move(*scheduleParams);
    methods.options = std::move(*options);
    return methods;
}

} // namespace gradloom::train
