#include "engine/data/augmentation.h"

namespace gradloom::data {

namespace {

/// Beta(α, α) for 0 < α <= 1 (Jöhnk 1964).
float betaNumber(Random& random, float alpha)
{
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const double a = std::pow(static_cast<double>(random.uniform()), 1.0 / alpha);
        const double b = std::pow(static_cast<double>(random.uniform()), 1.0 / alpha);
        if (a + b > 0 && a + b <= 1)
            return static_cast<float>(a / (a + b));
    }
    return 1; // a tiny α makes both numbers zero nearly always: then nothing is mixed
}

} // namespace

/// Zhang et al. 2018. The loss is linear in a class's share, so a label drawn by the shares has the mixed
/// loss as its mean: labels stay integers.
Augmentation mixup()
{
    return {AugmentStep::Mix, 0,
        realParam("mixup", "Mixup", 0, 0, 1,
            "Mixes each picture with another one; α of the Beta distribution of the shares, usually 0.2. The "
            "label is "
            "drawn by the same shares, numbers to learn are mixed."),
        [](AugmentDraw& d, float amount) {
            d.change.share = betaNumber(d.random, amount);
            d.ownLabel = d.random.uniform() < d.change.share;
        }};
}

} // namespace gradloom::data
