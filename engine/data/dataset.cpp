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

std::string typeText(const TensorType& type)
{
    return type.shape.toString() + " " + nameOf(type.dtype);
}

/// Position of the first integer outside 0 .. limit-1, -1 where there is none.
int64_t firstOutside(const Tensor& integers, int64_t limit)
{
    const auto values = integers.as<int32_t>();
    const auto wrong = std::find_if(
        values.begin(), values.end(), [&](int32_t value) { return value < 0 || value >= limit; });
    return wrong == values.end() ? -1 : wrong - values.begin();
}

int64_t firstNotFinite(const Tensor& numbers)
{
    const auto values = numbers.floats();
    const auto wrong =
        std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    return wrong == values.end() ? -1 : wrong - values.begin();
}

Status checkTarget(const Dataset& part, const Target& target, const Tensor& values, const std::string& begin)
{
    if (values.type() != TensorType{target.type.shape.prepended(part.count()), target.type.dtype})
        return invalidFile(begin + "holds " + std::to_string(part.count()) + " samples but the target \"" +
                           target.name + "\" is " + typeText(values.type()) + "; every sample needs one " +
                           typeText(target.type) + ".");
    if (target.type.dtype == DType::F32) {
        const int64_t wrong = firstNotFinite(values);
        return wrong < 0 ? Status()
                         : invalidFile(begin + "has a target \"" + target.name +
                                       "\" that is no finite number, at sample " +
                                       std::to_string(wrong / target.type.shape.elements()) + ".");
    }
    const auto limit = static_cast<int64_t>(target.names.size());
    const int64_t wrong = firstOutside(values, limit);
    if (wrong < 0)
        return {};
    return invalidFile(begin + "has the label " +
                       std::to_string(values.as<int32_t>()[static_cast<size_t>(wrong)]) + " at sample " +
                       std::to_string(wrong / target.type.shape.elements()) + ", but there are only " +
                       std::to_string(limit) + (target.isClasses() ? " classes." : " tokens."));
}

Status checkPart(const Dataset* part, const char* name, const LoadedData& data, const std::string& where)
{
    const std::string begin = where + ": the " + name + " part ";
    if (!part || part->count() <= 0)
        return invalidFile(begin + "holds no samples.");
    if (part->samples.shape().rank() < 2)
        return invalidFile(begin + "must hold samples of at least one dimension.");
    // Random numbers below a bound, and everything that counts samples, are made for 32 bits.
    if (part->count() > INT32_MAX)
        return invalidFile(begin + "holds more than 2^31 samples.");
    if (part->targets.size() != data.targets.size())
        return invalidFile(begin + "has " + std::to_string(part->targets.size()) +
                           " targets but the data set names " + std::to_string(data.targets.size()) + ".");
    for (size_t i = 0; i < data.targets.size(); ++i)
        if (Status status = checkTarget(*part, data.targets[i], part->targets[i], begin); !status)
            return status;
    if (!part->weights.empty() && part->weights.type() != TensorType{Shape{part->count()}, DType::F32})
        return invalidFile(
            begin + "has weights of " + typeText(part->weights.type()) + "; every sample needs one.");
    if (part->samples.dtype() == DType::I32) {
        const auto limit = static_cast<int64_t>(data.vocabulary.size());
        if (const int64_t wrong = firstOutside(part->samples, limit); wrong >= 0)
            return invalidFile(begin + "has a token outside its vocabulary of " + std::to_string(limit) +
                               ", at sample " + std::to_string(wrong / part->sampleElements()) + ".");
    }
    return {};
}

} // namespace

Tensor Dataset::sample(int64_t index) const
{
    Tensor copy(sampleShape(), samples.dtype());
    std::memcpy(copy.data(), samples.data() + index * copy.bytes(), static_cast<size_t>(copy.bytes()));
    return copy;
}

int32_t Dataset::label(int64_t index, size_t target) const
{
    if (target >= targets.size() || targets[target].dtype() != DType::I32 ||
        targets[target].shape().rank() != 1)
        return -1;
    return targets[target].as<int32_t>()[static_cast<size_t>(index)];
}

Target classTarget(std::string name, std::vector<std::string> classNames)
{
    Target target;
    target.name = std::move(name);
    target.names = std::move(classNames);
    return target;
}

Target numberTarget(std::string name, Shape shape)
{
    Target target;
    target.name = std::move(name);
    target.kind = Target::Kind::Numbers;
    target.type = {shape, DType::F32};
    return target;
}

const std::vector<std::string>& LoadedData::classNames() const
{
    static const std::vector<std::string> none;
    return !targets.empty() && targets.front().isClasses() ? targets.front().names : none;
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
    if (data.ordered)
        std::rotate(training.begin(), training.end() - heldOut, training.end());
    else
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
