#include "engine/train/sum_check.h"

#include "engine/backend/communicator.h"
#include "engine/base/philox.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace gradloom::train {

namespace {

using Numbers = std::vector<float>;

/// Elements that are added up: alone, not a multiple of anything, and as many as a network of some size has.
constexpr int64_t sizes[] = {1, 1001, int64_t{1} << 22};
constexpr int64_t margin = 3; ///< numbers on either side that are left alone
/// Sums in another order differ by some 1e-7.
constexpr double sumLimit = 1e-5;

struct Devices
{
    std::vector<std::shared_ptr<backend::Memory>> memories;
    std::unique_ptr<backend::Communicator> communicator;

    std::vector<backend::MemoryRange> shares(int64_t first, int64_t elements) const
    {
        std::vector<backend::MemoryRange> all;
        for (const auto& memory : memories)
            all.push_back({memory, first, elements});
        return all;
    }
};

std::vector<Numbers> randomNumbers(size_t devices, int64_t elements, Random& random)
{
    std::vector<Numbers> all(devices, Numbers(static_cast<size_t>(elements + 2 * margin)));
    for (Numbers& numbers : all)
        for (float& number : numbers)
            number = random.uniform(-1, 1);
    return all;
}

/// Largest difference to the sum of what was given; infinite where a number beside the range changed.
double errorOf(const Numbers& result, const std::vector<Numbers>& given, size_t device)
{
    const auto end = static_cast<size_t>(static_cast<int64_t>(result.size()) - margin);
    double worst = 0;
    for (size_t i = 0; i < result.size(); ++i) {
        double expected = 0;
        for (const Numbers& numbers : given)
            expected += numbers[i];
        if (i >= margin && i < end)
            worst = std::max(worst, std::abs(result[i] - expected));
        else if (result[i] != given[device][i])
            return INFINITY;
        if (std::isnan(result[i]))
            return INFINITY;
    }
    return worst;
}

/// Adds up once; the result of each device.
std::vector<Numbers> sumUp(const Devices& devices, const std::vector<Numbers>& given, double& seconds)
{
    for (size_t i = 0; i < given.size(); ++i)
        devices.memories[i]->upload(std::as_bytes(std::span(given[i])), 0);
    const auto shares = devices.shares(margin, static_cast<int64_t>(given.front().size()) - 2 * margin);
    const auto start = std::chrono::steady_clock::now();
    devices.communicator->sum(shares);
    float last = 0; // to wait for it
    for (const auto& memory : devices.memories)
        memory->download(std::as_writable_bytes(std::span(&last, 1)), 0);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<Numbers> results = given;
    for (size_t i = 0; i < results.size(); ++i)
        devices.memories[i]->download(std::as_writable_bytes(std::span(results[i])), 0);
    return results;
}

void checkSize(const Devices& devices, int64_t elements, Random& random, PrimitiveCheck& check)
{
    const auto given = randomNumbers(devices.memories.size(), elements, random);
    double seconds = 0;
    sumUp(devices, given, seconds); // the first one makes the connections
    const auto results = sumUp(devices, given, seconds);
    check.seconds += seconds;
    ++check.cases;
    for (size_t i = 0; i < results.size(); ++i) {
        check.error = std::max(check.error, errorOf(results[i], given, i));
        if (std::memcmp(results[i].data() + margin, results[0].data() + margin,
                static_cast<size_t>(elements) * sizeof(float)) != 0)
            check.problem = "The devices did not get the same sum.";
    }
    if (check.problem.empty() && check.error > check.limit)
        check.problem = "The sum is too far from the reference.";
}

} // namespace

Result<Selfcheck> checkSums(const std::vector<std::string>& ids, const SelfcheckOptions& options)
{
    auto opened = backend::openEach(ids, options.device);
    if (!opened)
        return opened.error();
    Selfcheck result;
    Devices devices;
    std::vector<backend::Backend*> backends;
    const int64_t most = *std::max_element(std::begin(sizes), std::end(sizes)) + 2 * margin;
    for (const auto& device : *opened) {
        auto memory = device->allocate(most * static_cast<int64_t>(sizeof(float)));
        if (!memory)
            return memory.error();
        devices.memories.push_back(std::move(*memory));
        backends.push_back(device.get());
        result.device += (result.device.empty() ? "" : ", ") + device->info().name;
    }
    devices.communicator = backend::connect(backends, devices.shares(0, most));
    result.reference = "sums of the host in float64";
    result.note = devices.communicator->note();
    PrimitiveCheck check;
    check.primitive = "sum of devices";
    check.limit = sumLimit;
    Random random(options.seed);
    try {
        for (const int64_t elements : sizes)
            checkSize(devices, elements, random, check);
    } catch (const backend::DeviceFailure& failure) {
        check.problem = failure.what();
    }
    result.primitives.push_back(std::move(check));
    return result;
}

} // namespace gradloom::train
