#include "engine/data/augmentation.h"

#include <algorithm>

namespace gradloom::data {

Augmentation rotate()
{
    return {AugmentStep::Move, 2,
        realParam("rotate", "Rotate", 0, 0, 180, "Turns a picture by up to this angle to either side.")
            .withUnit("°"),
        [](AugmentDraw& d, float amount) {
            const float radians = amount * 3.14159265f / 180;
            const float angle = d.random.uniform(-radians, radians);
            const float cosine = std::cos(angle);
            const float sine = std::sin(angle);
            const float matrix[] = {cosine, -sine, sine, cosine};
            std::copy_n(matrix, 4, d.change.matrix);
        }};
}

} // namespace gradloom::data
