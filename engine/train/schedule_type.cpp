#include "engine/train/schedule_type.h"

namespace gradloom::train {

std::vector<ScheduleType> allScheduleTypes();

const Registry<ScheduleType>& scheduleTypes()
{
    static const Registry<ScheduleType> registry(allScheduleTypes());
    return registry;
}

} // namespace gradloom::train
