#include "engine/data/augmentation.h"

namespace gradloom::data {

Augmentation shift()
{
    return {AugmentStep::Move, 1,
        realParam("shift", "Shift", 0, 0, 0.5, "Moves a picture by up to this share of its size."),
        [](AugmentDraw& d, float amount) {
            d.change.shift[0] = d.random.uniform(-amount, amount) * static_cast<float>(d.height);
            d.change.shift[1] = d.random.uniform(-amount, amount) * static_cast<float>(d.width);
        }};
}

} // namespace gradloom::data
