#pragma once

#include "engine/base/param.h"
#include "engine/data/batch_loader.h"

#include <memory>
#include <span>
#include <vector>

namespace gradloom::data {

struct Augmentation;
struct AugmentDraw;

/// The options of a project's augmentation; all are off by default.
const std::vector<ParamSpec>& augmentParameters();

/// A sample of a part, each time it is shown.
struct ShownSample
{
    const DataPart& part;
    const Preprocess& preprocess;
    int64_t index; ///< in the data set
    uint64_t seed;
    int64_t epoch;
};

/// Changes pictures of the training part at random each time they are shown, so that a network sees more than
/// there is. What becomes of a sample depends on (seed, epoch, sample) alone, whatever the threads do and
/// wherever the pictures are changed.
class Augmenter
{
public:
    /// nullptr where all options are off. An Error where the samples are no pictures (H×W×C numbers).
    /// `preprocess` is what the pictures have gone through before.
    static Result<std::shared_ptr<const Augmenter>> create(
        const Params& options, const LoadedData& data, const Preprocess& preprocess);

    /// Pictures that are mixed to each sample. Of options: 0 where all are off or something is wrong with
    /// them.
    int64_t views() const { return m_mixes ? 2 : 1; }
    static int64_t views(const Params& options);

    AugmentScratch makeScratch() const;
    /// From now on apply() leaves the pictures of this batch as they are and writes down what becomes of
    /// them.
    void describeIn(Batch& batch) const;

    /// Changes row `row` of a batch, which holds `sample`. Does not allocate.
    void apply(const ShownSample& sample, Batch& batch, int64_t row, AugmentScratch& scratch) const;
    /// Row `row` of a batch that is described stays as it is.
    void keep(Batch& batch, int64_t row) const;

private:
    struct Chosen
    {
        const Augmentation* what;
        float amount;
    };

    /// What two pictures are changed by with the same random numbers.
    struct Noise
    {
        uint64_t seed;
        uint64_t stream;
    };

    Augmenter() = default;
    static Result<std::vector<Chosen>> choose(const Params& options);
    void draw(AugmentDraw& draw, bool mix) const;
    void describe(const AugmentDraw& draw, const Noise& noise, Batch& batch, int64_t view) const;
    void change(const AugmentDraw& draw, const Noise& noise, std::span<float> picture,
        AugmentScratch& scratch) const;
    void warp(const PictureChange& change, std::span<float> picture, AugmentScratch& scratch) const;

    int64_t m_height = 0;
    int64_t m_width = 0;
    int64_t m_channels = 0;
    std::vector<float> m_unit; ///< for each channel what the full range of brightness has become
    std::vector<Chosen> m_chosen;
    bool m_moves = false;
    bool m_mixes = false;
};

} // namespace gradloom::data
