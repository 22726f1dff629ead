#include "engine/data/augmentation.h"

namespace gradloom::data {

Augmentation flip()
{
    return {AugmentStep::Move, 0,
        choiceParam("flip", "Flip", "none",
            {{"none", "never"}, {"horizontal", "left and right"}, {"vertical", "up and down"},
                {"both", "both"}},
            "Mirrors every second picture; not for things that have a right way round, such as writing."),
        [](AugmentDraw& d, float amount) {
            const auto which = static_cast<int>(amount);
            d.change.mirrored[1] = d.random.uniform() < 0.5f && (which & 1) != 0;
            d.change.mirrored[0] = d.random.uniform() < 0.5f && (which & 2) != 0;
        }};
}

} // namespace gradloom::data
