#include "engine/data/augmentation.h"

namespace gradloom::data {

Augmentation brightness()
{
    return {AugmentStep::Brightness, 0,
        realParam("brightness", "Brightness", 0, 0, 1,
            "Adds up to this share of the full range to all pixels, or takes it away."),
        [](AugmentDraw& d, float amount) { d.change.brightness = d.random.uniform(-amount, amount); }};
}

} // namespace gradloom::data
