#pragma once

#include "engine/base/param.h"
#include "engine/base/philox.h"
#include "engine/tensor/picture_change.h"

#include <vector>

namespace gradloom::data {

/// The random numbers of one picture on their way to what becomes of it.
struct AugmentDraw
{
    Random& random;
    int64_t height;
    int64_t width;
    int64_t channels;
    PictureChange change = {};
    uint64_t noiseAt = 0; ///< position of `random` at which the noise begins
    bool ownLabel = true; ///< false: a picture that is mixed with another one takes the other's label
};

/// In this order numbers are drawn. As soon as one augmentation of a step is on, all of that step are drawn,
/// so that switching one on leaves the others as they were.
enum class AugmentStep { Move, Brightness, Noise, Blank, Mix };

/// A way to change pictures at random in training. Adding one that PictureChange can express is adding one file in
/// engine/data/augmentations whose name is the name of the function that returns this value. It does not touch a picture but says what
/// becomes of it, so that it runs wherever that is cheap: on the loader's threads beside a step on the CPU,
/// on a GPU in the step.
struct Augmentation
{
    AugmentStep step;
    int order;        ///< within the step, from 0
    ParamSpec option; ///< a real number, off at 0, or a choice, off at the first one
    /// `amount` is the number, or which choice.
    void (*draw)(AugmentDraw& draw, float amount);
};

/// All, in the order of their numbers.
const std::vector<Augmentation>& augmentations();

} // namespace gradloom::data
