#include "engine/train/optimizer_type.h"

namespace gradloom::train {

std::vector<OptimizerType> allOptimizerTypes();

const Registry<OptimizerType>& optimizerTypes()
{
    static const Registry<OptimizerType> registry(allOptimizerTypes());
    return registry;
}

} // namespace gradloom::train
