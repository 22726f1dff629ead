#include "engine/data/augmentation.h"

#include <algorithm>

namespace gradloom::data {

/// DeVries and Taylor 2017. The middle of the square lies anywhere in the picture, so that a part of it may
/// lie outside.
Augmentation cutout()
{
    return {AugmentStep::Blank, 0,
        realParam("cutout", "Cutout", 0, 0, 1,
            "Blanks out a square of this share of the picture's side at a random place."),
        [](AugmentDraw& d, float amount) {
            const int64_t extents[] = {d.height, d.width};
            for (int axis = 0; axis < 2; ++axis) {
                const auto extent = static_cast<float>(extents[axis]);
                const auto half = static_cast<float>(std::lround(amount * extent / 2));
                const auto middle = static_cast<float>(d.random.below(static_cast<uint32_t>(extents[axis])));
                d.change.blank[axis] = std::max(0.0f, middle - half);
                d.change.blank[axis + 2] = std::min(extent, middle + half);
            }
        }};
}

} // namespace gradloom::data
