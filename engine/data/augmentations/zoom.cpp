#include "engine/data/augmentation.h"

namespace gradloom::data {

Augmentation zoom()
{
    return {AugmentStep::Move, 3,
        realParam("zoom", "Scale", 0, 0, 0.9, "Makes a picture smaller or larger by up to this share."),
        [](AugmentDraw& d, float amount) {
            const float factor = 1 / d.random.uniform(1 - amount, 1 + amount);
            for (float& x : d.change.matrix)
                x *= factor;
        }};
}

} // namespace gradloom::data
