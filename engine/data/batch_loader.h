#pragma once

#include "engine/data/dataset.h"
#include "engine/data/preprocess.h"
#include "engine/tensor/picture_change.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace gradloom::data {

/// A step's input. A compiled step has one batch size, so the tensors are always full: where fewer samples
/// are left, the rest repeats others with weight 0, so that it counts neither in the loss nor in metrics.
struct Batch
{
    Tensor samples;              ///< B×(sample shape): F32, preprocessed, or I32 tokens
    Tensor changes; ///< not empty: samples are B×views×(sample shape), to be changed by the step; see ir/ops/augment.cpp
    Tensor noise;   ///< then the places of their noise
    std::vector<Tensor> targets; ///< of each target of the data set B×(its shape)
    Tensor weights; ///< F32 [B]: loss weights; those of the data set (else 1) for `count` samples, 0 for the
                    ///< filling
    Tensor filled;  ///< F32 [B]: 1 for the first `count` samples, 0 for the filling
    int64_t count = 0;
    int64_t epoch = 0; ///< set by BatchLoader
    int64_t index = 0; ///< number of the batch in its epoch, set by BatchLoader

    Batch() = default;
    Batch(const Dataset& dataset, int64_t batchSize);
    int64_t size() const { return weights.elements(); }
};

/// Assembles the samples `indices` of a dataset (1 to batch size of them), then fills up with `filling`,
/// repeated as often as needed (empty: with `indices`). Synchronous, does not allocate.
void fillBatch(const Dataset& dataset, std::span<const int64_t> indices, std::span<const int64_t> filling,
    const Preprocess& preprocess, Batch& batch);

/// For evaluation: the samples of `part` from position `first` on, in the part's order; filled up from its
/// start. Loop: for (first = 0; first < part.count(); first += batch.size()).
void fillBatch(const DataPart& part, int64_t first, const Preprocess& preprocess, Batch& batch);

/// Which batch comes next. Saved with a checkpoint, it continues a run with the same batches.
struct LoaderPosition
{
    int64_t epoch = 0;
    int64_t batch = 0;
    bool operator==(const LoaderPosition&) const = default;
};

class Augmenter;

/// Room in which a loader thread changes samples; made once.
struct AugmentScratch
{
    std::vector<float> picture;
    std::vector<float> partner;
    std::vector<PictureSource> columns;
};

struct LoaderOptions
{
    int64_t batchSize = 64;
    uint64_t seed = 0;
    bool shuffle = true;
    LoaderPosition start;
    int queueLength = 0;                      ///< batches assembled ahead, at least 2; 0: as many as are small
    int threads = 1;                          ///< more help expensive preprocessing; 0: only the consumer
    std::shared_ptr<const Augmenter> augment; ///< changes samples at random; nullptr: they stay as they are
    bool augmentInStep = false; ///< only draws what becomes of them: Batch::changes
};

/// Assembles shuffled batches ahead of the training step, epoch after epoch without end. Order and content
/// depend on (part, preprocess, augment, seed, batch size) alone, whatever the threads do. A batch that no
/// thread has begun when it is wanted is assembled by the consumer: where all cores train, a loader thread
/// that was woken may come milliseconds late, which is longer than many steps of a small network. The buffers
/// are made once and reused. One consumer thread; the threads end promptly in the destructor or after stop().
class BatchLoader
{
public:
    /// An Error for an empty part, an impossible batch size or position, or memory that does not suffice.
    static Result<std::unique_ptr<BatchLoader>> create(
        DataPart part, Preprocess preprocess, LoaderOptions options);
    ~BatchLoader();
    BatchLoader(const BatchLoader&) = delete;
    BatchLoader& operator=(const BatchLoader&) = delete;

    /// Waits for the next batch, or assembles it. It belongs to the caller until the next call of next(); an
    /// Error only after stop() or when a loader thread failed.
    Result<const Batch*> next();

    /// The batch that next() delivers next. Consumer thread.
    LoaderPosition position() const;
    int64_t batchesPerEpoch() const { return m_batchesPerEpoch; }

    /// Seconds that next() took for batches that were not ready, waiting or assembling, since the start;
    /// divided by the run time it says whether loading is the bottleneck. Consumer thread.
    double waitedSeconds() const { return m_waitedSeconds; }

    /// Wakes a waiting next() and ends the threads. Any thread, more than once.
    void stop();

private:
    /// A batch buffer; `ready` is the number of the batch it holds, -1 while it is being filled. Written
    /// under the mutex; the consumer looks at it without.
    struct Slot
    {
        Batch batch;
        std::atomic<int64_t> ready = -1;
    };

    /// What a thread needs to assemble batches. Each has its own order, because near the end of an epoch they
    /// work on different ones.
    struct Maker
    {
        std::vector<int64_t> order; ///< shuffled, of `epoch`
        int64_t epoch = -1;
        AugmentScratch scratch;
    };

    BatchLoader(DataPart part, Preprocess preprocess, LoaderOptions options);
    void start();
    void work(std::stop_token token, Maker& maker);
    /// Takes on the next batch and assembles it; `lock` is held before and after, but not meanwhile.
    void make(Maker& maker, std::unique_lock<std::mutex>& lock);
    /// Until batch m_taken is ready or never will be, whoever assembles it.
    void await(Slot& slot, std::unique_lock<std::mutex>& lock);
    /// Puts the shuffled order of an epoch into `order`.
    void orderEpoch(std::vector<int64_t>& order, int64_t epoch) const;
    void assemble(int64_t number, const std::vector<int64_t>& order, Batch& batch) const;
    void augment(const std::vector<int64_t>& order, Batch& batch, AugmentScratch& scratch) const;

    DataPart m_part;
    Preprocess m_preprocess;
    LoaderOptions m_options;
    int64_t m_batchesPerEpoch = 0;

    std::mutex m_mutex;
    std::condition_variable_any m_slotFree;
    std::condition_variable_any m_slotReady;
    std::vector<Slot> m_slots; ///< batch number n lives in slot n mod size
    int64_t m_claimed = 0;     ///< number of the next batch a thread takes on; counts over all epochs
    int64_t m_taken = 0;       ///< number of the next batch for the consumer
    int64_t m_released = 0;    ///< batches below this number may be overwritten
    bool m_stopped = false;
    std::string m_failure;
    double m_waitedSeconds = 0;

    std::vector<Maker> m_makers;         ///< the consumer's, then one for each thread
    std::vector<std::jthread> m_threads; ///< last member: ends before what it uses
};

} // namespace gradloom::data
