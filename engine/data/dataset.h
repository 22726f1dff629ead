#pragma once

#include "engine/tensor/tensor.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradloom::data {

/// Samples with labels, kept in memory as they were delivered; they become float32 when a batch is assembled.
struct Dataset
{
    Tensor samples; ///< U8 or F32, N×(sample shape); pictures are N×H×W×C
    Tensor labels;  ///< I32 [N], each in 0 .. classes-1

    int64_t count() const { return samples.empty() ? 0 : samples.shape()[0]; }
    Shape sampleShape() const { return samples.shape().withoutFirst(); }
    int64_t sampleElements() const { return sampleShape().elements(); }
    int32_t label(int64_t index) const { return labels.as<int32_t>()[static_cast<size_t>(index)]; }
    /// Copy of one sample in its stored type, without the leading dimension.
    Tensor sample(int64_t index) const;
};

/// What a source delivers: a part for training and one for testing, of equal sample shape and type.
struct LoadedData
{
    std::string name;        ///< "Fashion-MNIST"
    std::string description; ///< one sentence: what it holds and where it comes from
    std::vector<std::string> classNames;
    float valueMinimum = 0; ///< smallest and largest value that a stored sample element can have
    float valueMaximum = 255;
    std::shared_ptr<const Dataset> training;
    std::shared_ptr<const Dataset> test;

    int64_t classCount() const { return static_cast<int64_t>(classNames.size()); }
    Shape sampleShape() const { return training->sampleShape(); }
};

/// Checks what every consumer relies on: both parts filled, counts of samples and labels agree, both parts
/// have one sample shape and type, labels are inside the classes. `where` begins the message.
Status checkLoadedData(const LoadedData& data, const std::string& where);

/// Some samples of a dataset in a fixed order. Cheap to copy but for the index list; the dataset is shared
/// and never changes, so parts may be used from several threads.
struct DataPart
{
    std::shared_ptr<const Dataset> dataset;
    std::vector<int64_t> indices; ///< positions in `dataset`, ascending after splitData

    int64_t count() const { return static_cast<int64_t>(indices.size()); }
    bool empty() const { return indices.empty(); }
};

/// The three parts a run works with. `validation` is empty when nothing is held out.
struct DataSplit
{
    DataPart training;
    DataPart validation;
    DataPart test;
};

/// Holds `validationShare` (0 <= share < 1, for example 1/12) of the training samples out for validation.
/// Which ones depends on the seed alone. A share above zero holds out at least one sample; an Error when no
/// training sample would be left or the share is outside its range.
Result<DataSplit> splitData(const LoadedData& data, double validationShare, uint64_t seed);

/// All samples of a dataset in order.
DataPart wholePart(std::shared_ptr<const Dataset> dataset);

/// Puts 0 .. order.size()-1 into `order`, shuffled (Fisher and Yates) by (seed, epoch) alone. Does not
/// allocate.
void shuffledOrder(std::span<int64_t> order, uint64_t seed, int64_t epoch);

} // namespace gradloom::data
