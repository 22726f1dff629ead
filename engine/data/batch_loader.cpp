#include "engine/data/batch_loader.h"

#include "engine/base/spin.h"
#include "engine/data/augment.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

namespace gradloom::data {

namespace {

/// Row `index` of `from` becomes row `to` of `into`; both have rows of the same type.
void copyRow(const Tensor& from, int64_t index, Tensor& into, size_t to)
{
    const auto bytes = static_cast<size_t>(into.bytes() / into.shape()[0]);
    std::memcpy(into.data() + to * bytes, from.data() + static_cast<size_t>(index) * bytes, bytes);
}

/// Asks for a sample of a shuffled order ahead of time: what lies anywhere in memory takes long to come.
void prefetchSample(const Dataset& dataset, int64_t index)
{
    constexpr int64_t line = 64;
    constexpr int64_t most = 4096; // the rest of a large sample follows by itself
    const int64_t bytes = dataset.sampleElements() * sizeOf(dataset.samples.dtype());
    const std::byte* const begin = dataset.samples.data() + index * bytes;
    for (int64_t at = 0; at < std::min(bytes, most); at += line)
        __builtin_prefetch(begin + at);
}

/// Long, so that a loader thread seldom has to be woken and then works for a while, and so that it may come milliseconds
/// late where a step takes microseconds; but within what caches hold.
int usualQueueLength(const Dataset& dataset, int64_t batchSize)
{
    constexpr int64_t fewest = 4;
    constexpr int64_t most = 256;
    constexpr int64_t memory = int64_t{4} << 20;
    const int64_t batchBytes = batchSize * dataset.sampleElements() * 4;
    return static_cast<int>(std::clamp(memory / std::max<int64_t>(1, batchBytes), fewest, most));
}

} // namespace

Batch::Batch(const Dataset& dataset, int64_t batchSize)
    : samples(dataset.sampleShape().prepended(batchSize),
          dataset.samples.dtype() == DType::I32 ? DType::I32 : DType::F32),
      weights(Shape{batchSize}), filled(Shape{batchSize})
{
    for (const Tensor& target : dataset.targets)
        targets.emplace_back(target.shape().withoutFirst().prepended(batchSize), target.dtype());
}

void fillBatch(const Dataset& dataset, std::span<const int64_t> indices, std::span<const int64_t> filling,
    const Preprocess& preprocess, Batch& batch)
{
    const auto size = static_cast<size_t>(batch.size());
    if (indices.empty() || indices.size() > size)
        throw std::logic_error("fillBatch: the number of samples does not fit the batch");
    if (filling.empty())
        filling = indices;
    const auto elements = static_cast<size_t>(dataset.sampleElements());
    const size_t rowElements = static_cast<size_t>(batch.samples.elements()) / size;
    const bool tokens = dataset.samples.dtype() == DType::I32;
    for (size_t i = 0; i < size; ++i) {
        const bool valid = i < indices.size();
        if (i + 1 < indices.size())
            prefetchSample(dataset, indices[i + 1]);
        const int64_t index = valid ? indices[i] : filling[(i - indices.size()) % filling.size()];
        if (tokens)
            copyRow(dataset.samples, index, batch.samples, i);
        else
            applyPreprocess(
                preprocess, dataset, index, batch.samples.floats().subspan(i * rowElements, elements));
        for (size_t target = 0; target < batch.targets.size(); ++target)
            copyRow(dataset.targets[target], index, batch.targets[target], i);
        const float weight =
            dataset.weights.empty() ? 1.0f : dataset.weights.floats()[static_cast<size_t>(index)];
        batch.filled.floats()[i] = valid ? 1.0f : 0.0f;
        batch.weights.floats()[i] = valid ? weight : 0.0f;
    }
    batch.count = static_cast<int64_t>(indices.size());
}

void fillBatch(const DataPart& part, int64_t first, const Preprocess& preprocess, Batch& batch)
{
    const std::span<const int64_t> all(part.indices);
    const auto count = std::min(batch.size(), part.count() - first);
    fillBatch(*part.dataset, all.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), all,
        preprocess, batch);
}

Result<std::unique_ptr<BatchLoader>> BatchLoader::create(
    DataPart part, Preprocess preprocess, LoaderOptions options)
{
    if (part.empty())
        return invalidArgument("There are no samples to make batches of.");
    // More than all samples would be filling only, and the memory for it could be anything.
    const int64_t largest = std::max<int64_t>(65536, part.count());
    if (options.batchSize < 1 || options.batchSize > largest)
        return invalidArgument("The batch size must be between 1 and " + std::to_string(largest) +
                               " but is " + std::to_string(options.batchSize) + ".");
    const int64_t batches = (part.count() + options.batchSize - 1) / options.batchSize;
    const auto [epoch, batch] = options.start;
    if (epoch < 0 || epoch > INT32_MAX || batch < 0 || batch >= batches)
        return invalidArgument("The run cannot continue at epoch " + std::to_string(epoch) + ", batch " +
                               std::to_string(batch) + ": an epoch of this data has " +
                               std::to_string(batches) + " batches.");
    options.queueLength =
        options.queueLength > 0 ? std::clamp(options.queueLength, 2, 64) : usualQueueLength(*part.dataset, options.batchSize);
    options.threads = std::clamp(options.threads, 0, 16);
    try {
        std::unique_ptr<BatchLoader> loader(new BatchLoader(std::move(part), std::move(preprocess), options));
        loader->start();
        return loader;
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory,
            "Batches of " + std::to_string(options.batchSize) +
                " samples do not fit into memory; use smaller ones.",
            {}};
    } catch (const std::system_error& error) {
        return Error{ErrorCode::Internal,
            std::string("The loader thread cannot be started: ") + error.what() + ".", {}};
    }
}

BatchLoader::BatchLoader(DataPart part, Preprocess preprocess, LoaderOptions options)
    : m_part(std::move(part)), m_preprocess(std::move(preprocess)), m_options(options),
      m_batchesPerEpoch((m_part.count() + options.batchSize - 1) / options.batchSize)
{
    m_claimed = m_taken = m_released = options.start.epoch * m_batchesPerEpoch + options.start.batch;
    m_slots = std::vector<Slot>(static_cast<size_t>(options.queueLength));
    for (auto& slot : m_slots) {
        slot.batch = Batch(*m_part.dataset, options.batchSize);
        if (options.augment && options.augmentInStep)
            options.augment->describeIn(slot.batch);
    }
    m_makers.resize(static_cast<size_t>(options.threads) + 1);
    for (Maker& maker : m_makers) {
        maker.order = m_part.indices;
        if (m_options.augment)
            maker.scratch = m_options.augment->makeScratch();
    }
}

BatchLoader::~BatchLoader()
{
    stop();
}

void BatchLoader::start()
{
    for (size_t i = 1; i < m_makers.size(); ++i)
        m_threads.emplace_back([this, i](std::stop_token token) { work(token, m_makers[i]); });
}

void BatchLoader::work(std::stop_token token, Maker& maker)
{
    std::unique_lock lock(m_mutex);
    const auto mayBegin = [&] { return m_claimed < m_released + static_cast<int64_t>(m_slots.size()); };
    while (!token.stop_requested() && m_failure.empty() && m_slotFree.wait(lock, token, mayBegin)) {
        make(maker, lock);
        m_slotReady.notify_all();
    }
}

void BatchLoader::make(Maker& maker, std::unique_lock<std::mutex>& lock)
{
    const int64_t number = m_claimed++;
    Slot& slot = m_slots[static_cast<size_t>(number % static_cast<int64_t>(m_slots.size()))];
    slot.ready = -1;
    lock.unlock();
    std::string failure;
    try {
        const int64_t epoch = number / m_batchesPerEpoch;
        if (epoch != std::exchange(maker.epoch, epoch) && m_options.shuffle)
            orderEpoch(maker.order, epoch);
        assemble(number, maker.order, slot.batch);
        if (m_options.augment)
            augment(maker.order, slot.batch, maker.scratch);
    } catch (const std::exception& exception) {
        failure = exception.what();
    }
    lock.lock();
    if (failure.empty())
        slot.ready = number;
    else
        m_failure = failure;
}

void BatchLoader::orderEpoch(std::vector<int64_t>& order, int64_t epoch) const
{
    shuffledOrder(order, m_options.seed, epoch);
    for (auto& position : order)
        position = m_part.indices[static_cast<size_t>(position)];
}

void BatchLoader::assemble(int64_t number, const std::vector<int64_t>& order, Batch& batch) const
{
    batch.epoch = number / m_batchesPerEpoch;
    batch.index = number % m_batchesPerEpoch;
    const std::span<const int64_t> all(order);
    const int64_t first = batch.index * m_options.batchSize;
    const int64_t count = std::min(m_options.batchSize, m_part.count() - first);
    fillBatch(*m_part.dataset, all.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), all,
        m_preprocess, batch);
}

void BatchLoader::augment(const std::vector<int64_t>& order, Batch& batch, AugmentScratch& scratch) const
{
    const int64_t first = batch.index * m_options.batchSize;
    for (int64_t row = 0; row < batch.count; ++row)
        m_options.augment->apply({m_part, m_preprocess, order[static_cast<size_t>(first + row)],
                                     m_options.seed, batch.epoch},
            batch, row, scratch);
    if (!batch.changes.empty())
        for (int64_t row = batch.count; row < batch.size(); ++row)
            m_options.augment->keep(batch, row);
}

Result<const Batch*> BatchLoader::next()
{
    std::unique_lock lock(m_mutex);
    m_released = m_taken;
    // A sleeping loader is woken for half a queue of work at once: waking costs both sides more than a small batch.
    if (m_claimed - m_released <= static_cast<int64_t>(m_slots.size()) / 2)
        m_slotFree.notify_all();
    Slot& slot = m_slots[static_cast<size_t>(m_taken % static_cast<int64_t>(m_slots.size()))];
    if (slot.ready != m_taken && !m_stopped && m_failure.empty()) {
        const auto begin = std::chrono::steady_clock::now();
        if (m_claimed == m_taken)
            make(m_makers.front(), lock);
        else
            await(slot, lock);
        m_waitedSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    if (!m_failure.empty())
        return Error{ErrorCode::Internal, "Assembling a batch failed: " + m_failure + ".", {}};
    if (m_stopped)
        return Error{ErrorCode::Internal, "The batch loader was stopped.", {}};
    ++m_taken;
    return &slot.batch;
}

void BatchLoader::await(Slot& slot, std::unique_lock<std::mutex>& lock)
{
    // Somebody works on it. That is over sooner than a sleep if the batch is small.
    lock.unlock();
    spinUntil([&] { return slot.ready == m_taken; });
    lock.lock();
    m_slotReady.wait(lock, [&] { return slot.ready == m_taken || m_stopped || !m_failure.empty(); });
}

LoaderPosition BatchLoader::position() const
{
    return {m_taken / m_batchesPerEpoch, m_taken % m_batchesPerEpoch};
}

void BatchLoader::stop()
{
    {
        std::scoped_lock lock(m_mutex);
        m_stopped = true;
        m_slotReady.notify_all();
    }
    for (auto& thread : m_threads)
        thread.request_stop();
}

} // namespace gradloom::data
