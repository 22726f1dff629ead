#include "engine/train/optimizer_type.h"

namespace gradloom::train {

std::vector<OptimizerType> allOptimizerTypes();

ir::ValueId OptimizerContext::slot(const std::string& name)
{
    const std::string whole = slotPrefix + name + slotSuffix;
    if (!rows)
        return b.slot(whole, b.shape(weights));
    const ir::ValueId table = b.slot(whole, b.shape(rows->table));
    rows->gathered.emplace_back(b.op("gather", {table, rows->rows}, {{"padding", int64_t{-1}}}), table);
    return rows->gathered.back().first;
}

const Registry<OptimizerType>& optimizerTypes()
{
    static const Registry<OptimizerType> registry(allOptimizerTypes());
    return registry;
}

} // namespace gradloom::train
