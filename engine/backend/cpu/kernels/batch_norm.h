#pragma once

#include <cstdint>

namespace gradloom::cpu {

// Batch normalisation over the rows of [rows, c] (for images rows = n * h * w). Ioffe and Szegedy, "Batch
// Normalization" (2015).
//
// Forward: batchNormStats for all units, batchNormFinish once, batchNormApply for all units.
// Backward: batchNormGradSums for all units, batchNormGradFinish once, batchNormGradApply for all units.
// Units are blocks of rows, where there are many channels of a slice of these; their number depends on the
// shape only, and each leaves a partial result.

struct BatchNormShape
{
    std::int64_t rows = 0, c = 0;
};

std::int64_t batchNormUnits(const BatchNormShape& shape);
/// Floats of `partials`, shared by all calls, for both directions.
std::int64_t batchNormPartials(const BatchNormShape& shape);

/// Floats of the moments of some rows: mean[c], sums of squared deviations[c] and the number of rows.
inline std::int64_t momentsSize(std::int64_t channels)
{
    return 2 * channels + 1;
}

/// The moments of rows that another kernel writes, taken while they are in its cache.
class MomentsOfRows
{
public:
    /// `moments`: momentsSize(channels) floats to write, null where nobody wants them.
    MomentsOfRows(std::int64_t channels, float* moments);
    /// `row`: channels values that stay until finish().
    void add(const float* row)
    {
        if (m_moments == nullptr)
            return;
        m_rows[m_count++] = row;
        if (m_count == m_atOnce)
            join();
    }
    void finish() { join(); }

private:
    void join();

    static constexpr std::int64_t maxRows = 64;
    std::int64_t m_channels;
    float* m_moments;
    std::int64_t m_atOnce;
    std::int64_t m_count = 0;
    const float* m_rows[maxRows];
};

/// Joins the moments of `parts` parts, one behind the other, to the mean[c] and the biased variance[c] of all rows.
void joinMoments(
    std::int64_t channels, std::int64_t parts, const float* partials, float* mean, float* variance);

/// Moments of each unit's rows. Two passes over a block that stays in cache, joined by
/// the update of Chan, Golub and LeVeque (1983): sound for a large mean with a small variance.
void batchNormStats(
    const BatchNormShape& shape, const float* x, float* partials, std::int64_t begin, std::int64_t end);
/// mean[c] and the biased variance[c] of the batch.
void batchNormFinish(const BatchNormShape& shape, const float* partials, float* mean, float* variance);

/// What is known of each channel, all [c].
struct BatchNormChannels
{
    const float* mean = nullptr;     ///< of the batch, or the running mean in inference
    const float* variance = nullptr; ///< biased
    const float* gamma = nullptr;    ///< null for 1
    const float* beta = nullptr;     ///< null for 0
    float epsilon = 1e-3F;
};

struct BatchNormApplyArgs
{
    const float* x = nullptr; ///< [rows, c]
    BatchNormChannels channels;
    bool relu = false;        ///< y = max(y, 0)
    float* y = nullptr;       ///< [rows, c]; may be x in inference
    float* scratch = nullptr; ///< 2 * c floats of this call's own
};
void batchNormApply(
    const BatchNormShape& shape, const BatchNormApplyArgs& args, std::int64_t begin, std::int64_t end);

struct BatchNormGradArgs
{
    const float* x = nullptr;   ///< [rows, c]
    const float* dy = nullptr;  ///< [rows, c]
    BatchNormChannels channels; ///< beta is needed only with relu
    bool relu = false;          ///< dy does not count where the output was not positive
    float* partials = nullptr;  ///< batchNormPartials floats
    float* dgamma = nullptr;    ///< [c], written by batchNormGradFinish
    float* dbeta = nullptr;     ///< [c]
    float* dx = nullptr;        ///< [rows, c]; may be dy
    float* scratch = nullptr;   ///< 4 * c floats of this call's own
};
void batchNormGradSums(
    const BatchNormShape& shape, const BatchNormGradArgs& args, std::int64_t begin, std::int64_t end);
void batchNormGradFinish(const BatchNormShape& shape, const BatchNormGradArgs& args);
/// dx = gamma / sqrt(variance + epsilon) * (dy - dbeta / rows - xhat * dgamma / rows).
void batchNormGradApply(
    const BatchNormShape& shape, const BatchNormGradArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
