#pragma once

#include "engine/base/param.h"
#include "engine/base/philox.h"
#include "engine/data/batch_loader.h"

#include <memory>
#include <span>
#include <vector>

namespace gradloom::data {

/// The options of a project's augmentation; all are off by default.
const std::vector<ParamSpec>& augmentParameters();

/// Changes pictures of the training part at random each time they are shown, so that a network sees more than
/// there is. What becomes of a sample depends on (seed, epoch, sample) alone, whatever the threads do.
/// Sources: DeVries and Taylor 2017 (cutout), Zhang et al. 2018 (mixup).
class Augmenter
{
public:
    /// nullptr where all options are off. An Error where the samples are no pictures (H×W×C numbers).
    /// `preprocess` is what the pictures have gone through before.
    static Result<std::shared_ptr<const Augmenter>> create(
        const Params& options, const LoadedData& data, const Preprocess& preprocess);

    AugmentScratch makeScratch() const;

    /// Changes row `row` of a batch, which holds sample `index` of the part. Does not allocate.
    void apply(const DataPart& part, const Preprocess& preprocess, int64_t index, uint64_t seed,
        int64_t epoch, Batch& batch, int64_t row, AugmentScratch& scratch) const;

private:
    Augmenter() = default;
    void change(std::span<float> picture, Random& random, std::vector<float>& scratch) const;
    void warp(std::span<float> picture, Random& random, std::vector<float>& scratch) const;
    void cutOut(std::span<float> picture, Random& random) const;
    void mixUp(const DataPart& part, const Preprocess& preprocess, Random& random, Batch& batch, int64_t row,
        AugmentScratch& scratch) const;

    int64_t m_height = 0;
    int64_t m_width = 0;
    size_t m_channels = 0;
    std::vector<float> m_unit; ///< for each channel what the full range of brightness has become
    bool m_flipAcross = false;
    bool m_flipDown = false;
    float m_shift = 0;
    float m_rotate = 0; ///< radians
    float m_zoom = 0;
    float m_brightness = 0;
    float m_noise = 0;
    float m_cutout = 0;
    float m_mixup = 0;
};

} // namespace gradloom::data
