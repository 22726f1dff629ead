#include "engine/data/dataset.h"

#include "engine/base/philox.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace gradloom::data {

namespace {

/// Random streams of one seed that must not be alike: shuffling takes the epoch as its stream, so the split
/// takes one that no epoch reaches.
constexpr uint64_t splitStream = uint64_t{1} << 63;

void shuffle(std::span<int64_t> order, Random random)
{
    for (size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[random.below(static_cast<uint32_t>(i))]);
}

Status checkPart(const Dataset* part, const char* name, const LoadedData& data, const std::string& where)
{
    const std::string begin = where + ": the " + name + " part ";
    if (!part || part->count() <= 0)
        return invalidFile(begin + "holds no samples.");
    if (part->samples.shape().rank() < 2 || part->samples.dtype() == DType::I32)
        return invalidFile(begin + "must hold uint8 or float32 samples of at least one dimension.");
    // Random numbers below a bound, and everything that counts samples, are made for 32 bits.
    if (part->count() > INT32_MAX)
        return invalidFile(begin + "holds more than 2^31 samples.");
    if (part->labels.dtype() != DType::I32 || part->labels.shape() != Shape{part->count()})
        return invalidFile(begin + "holds " + std::to_string(part->count()) +
                           " samples but labels of the shape " + part->labels.shape().toString() +
                           "; every sample needs one label.");
    const auto labels = part->labels.as<int32_t>();
    const auto wrong = std::find_if(
        labels.begin(), labels.end(), [&](int32_t label) { return label < 0 || label >= data.classCount(); });
    if (wrong != labels.end())
        return invalidFile(begin + "has the label " + std::to_string(*wrong) + " at sample " +
                           std::to_string(wrong - labels.begin()) + ", but there are only " +
                           std::to_string(data.classCount()) + " classes.");
    return {};
}

} // namespace

Tensor Dataset::sample(int64_t index) const
{
    Tensor copy(sampleShape(), samples.dtype());
    std::memcpy(copy.data(), samples.data() + index * copy.bytes(), static_cast<size_t>(copy.bytes()));
    return copy;
}

Status checkLoadedData(const LoadedData& data, const std::string& where)
{
    if (Status status = checkPart(data.training.get(), "training", data, where); !status)
        return status;
    if (Status status = checkPart(data.test.get(), "test", data, where); !status)
        return status;
    if (data.training->sampleShape() != data.test->sampleShape() ||
        data.training->samples.dtype() != data.test->samples.dtype())
        return invalidFile(where + ": the training samples are " + data.training->sampleShape().toString() +
                           " but the test samples " + data.test->sampleShape().toString() +
                           "; both must be alike.");
    return {};
}

DataPart wholePart(std::shared_ptr<const Dataset> dataset)
{
    DataPart part{std::move(dataset), {}};
    part.indices.resize(static_cast<size_t>(part.dataset->count()));
    std::iota(part.indices.begin(), part.indices.end(), int64_t{0});
    return part;
}

Result<DataSplit> splitData(const LoadedData& data, double validationShare, uint64_t seed)
{
    if (!(validationShare >= 0 && validationShare < 1))
        return invalidArgument(
            "The share of samples held out for validation must be at least 0 and below 1 but is " +
            std::to_string(validationShare) + ".");
    DataSplit split{wholePart(data.training), {data.training, {}}, wholePart(data.test)};
    if (validationShare == 0)
        return split;

    auto& training = split.training.indices;
    const int64_t total = split.training.count();
    const int64_t heldOut = std::max<int64_t>(
        1, static_cast<int64_t>(std::llround(validationShare * static_cast<double>(total))));
    if (heldOut >= total)
        return invalidArgument("Holding out a share of " + std::to_string(validationShare) + " of " +
                               std::to_string(total) +
                               " training samples leaves none to train on; choose a smaller share.");
    shuffle(training, Random(seed, splitStream));
    split.validation.indices.assign(training.begin(), training.begin() + heldOut);
    training.erase(training.begin(), training.begin() + heldOut);
    std::sort(training.begin(), training.end());
    std::sort(split.validation.indices.begin(), split.validation.indices.end());
    return split;
}

void shuffledOrder(std::span<int64_t> order, uint64_t seed, int64_t epoch)
{
    std::iota(order.begin(), order.end(), int64_t{0});
    shuffle(order, Random(seed, static_cast<uint64_t>(epoch)));
}

} // namespace gradloom::data
