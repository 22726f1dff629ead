#pragma once

#include "engine/tensor/tensor.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradloom::data {

/// Samples with what is known of each, kept in memory as they were delivered; pictures and numbers become float32
/// when a batch is assembled, tokens stay integers.
struct Dataset
{
    Tensor samples;              ///< U8, F32 or I32 (tokens), N×(sample shape); pictures are N×H×W×C
    std::vector<Tensor> targets; ///< one per LoadedData::targets, in its order: N×(shape of that target)
    Tensor weights;              ///< F32 [N], how much each sample counts in the loss; empty: all alike

    int64_t count() const { return samples.empty() ? 0 : samples.shape()[0]; }
    Shape sampleShape() const { return samples.shape().withoutFirst(); }
    TensorType sampleType() const { return {sampleShape(), samples.dtype()}; }
    int64_t sampleElements() const { return sampleShape().elements(); }
    /// The class of a sample where target number `target` is classes; -1 where it is not.
    int32_t label(int64_t index, size_t target = 0) const;
    /// Copy of one sample in its stored type, without the leading dimension.
    Tensor sample(int64_t index) const;
};

/// Something that is known of every sample and can be learned.
struct Target
{
    enum class Kind {
        Classes, ///< one class out of some: an I32 number each
        Numbers, ///< F32 of any shape
        Tokens   ///< I32 [T], one for each step of a text
    };
    std::string name; ///< "class", "miles per gallon"; unlike the others of its data set
    Kind kind = Kind::Classes;
    TensorType type{Shape(), DType::I32}; ///< of one sample
    std::vector<std::string> names;       ///< of the classes, or the texts of the tokens
    /// Numbers: stored value × deviation + mean is the value in its own unit, for each place of the last dimension.
    /// Empty: stored as they are.
    std::vector<float> mean;
    std::vector<float> deviation;
    std::string unit;

    bool isClasses() const { return kind == Kind::Classes; }
};
Target classTarget(std::string name, std::vector<std::string> classNames);
Target numberTarget(std::string name, Shape shape);

/// What a source delivers: a part for training and one for testing, of equal shapes and types.
struct LoadedData
{
    std::string name;        ///< "Fashion-MNIST"
    std::string description; ///< one sentence: what it holds and where it comes from
    /// What is known of each sample; the first one is what a loss compares with by default. May be empty, for data
    /// that can only be copied (autoencoders).
    std::vector<Target> targets;
    std::vector<std::string> features;   ///< names of the numbers in a sample's last dimension; may be empty
    std::vector<std::string> vocabulary; ///< token samples: the text of each token
    bool characters = false;             ///< token samples: tokens are characters, not words
    bool ordered = false;                ///< samples follow each other in time: validation is taken from the end
    float valueMinimum = 0; ///< smallest and largest value that a stored sample element can have
    float valueMaximum = 255;
    std::shared_ptr<const Dataset> training;
    std::shared_ptr<const Dataset> test;
    /// Turns what a person writes (a line of a table, a text) into one sample as stored. Empty where a source has no
    /// such form.
    std::function<Result<Tensor>(const std::string&)> encode;

    /// Of the first target; empty where it is not classes.
    const std::vector<std::string>& classNames() const;
    int64_t classCount() const { return static_cast<int64_t>(classNames().size()); }
    Shape sampleShape() const { return training->sampleShape(); }
};

/// Checks what every consumer relies on: both parts filled, counts of samples, targets and weights agree, both parts
/// have one sample shape and type, labels are inside the classes, tokens inside the vocabulary, numbers finite.
/// `where` begins the message.
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
/// Which ones depends on the seed alone; of ordered data it is the last ones. A share above zero holds out at least one sample; an Error when no
/// training sample would be left or the share is outside its range.
Result<DataSplit> splitData(const LoadedData& data, double validationShare, uint64_t seed);

/// All samples of a dataset in order.
DataPart wholePart(std::shared_ptr<const Dataset> dataset);

/// Puts 0 .. order.size()-1 into `order`, shuffled (Fisher and Yates) by (seed, epoch) alone. Does not
/// allocate.
void shuffledOrder(std::span<int64_t> order, uint64_t seed, int64_t epoch);

} // namespace gradloom::data
