#include "engine/train/schedule_type.h"

namespace gradloom::train {

ScheduleType constant()
{
    ScheduleType type;
    type.id = "constant";
    type.title = "Constant";
    type.help = "The learning rate stays as it is.";
    type.factor = [](const Params&, const SchedulePoint&) { return 1.0; };
    return type;
}

} // namespace gradloom::train
