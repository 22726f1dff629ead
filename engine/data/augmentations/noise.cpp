#include "engine/data/augmentation.h"

namespace gradloom::data {

Augmentation noise()
{
    return {AugmentStep::Noise, 0,
        realParam("noise", "Noise", 0, 0, 1,
            "Standard deviation of the noise on every pixel; the full range is 1."),
        [](AugmentDraw& d, float amount) {
            // Whoever changes the picture takes its normal numbers, two words each, from here.
            d.change.noise = amount;
            d.noiseAt = d.random.position();
            d.random.seek(d.noiseAt + 2 * static_cast<uint64_t>(d.height * d.width * d.channels));
        }};
}

} // namespace gradloom::data
