#pragma once

#include <cstdint>

namespace gradloom::cpu {

// Normalisation of x [samples, spatial, channels] over spatial and the channels
// of a group: layer normalisation (Ba et al. 2016: spatial 1, one group), group
// normalisation (Wu and He 2018), instance normalisation (Ulyanov et al. 2016:
// as many groups as channels).

struct GroupNormShape
{
    std::int64_t samples = 0, spatial = 0, channels = 0;
    std::int64_t groups = 1; ///< divides channels
};

/// Units: blocks of samples, their number a function of the shape.
std::int64_t groupNormUnits(const GroupNormShape& shape);
/// Floats of scratch for one concurrent call.
std::int64_t groupNormScratch(const GroupNormShape& shape);

struct GroupNormArgs
{
    const float* x = nullptr;
    const float* gamma = nullptr; ///< [channels]; null means 1
    const float* beta = nullptr;  ///< [channels]; null means 0
    float epsilon = 1e-5F;
    float* y = nullptr;       ///< may be x
    float* mean = nullptr;    ///< [samples, groups]
    float* rstd = nullptr;    ///< [samples, groups]: 1 / sqrt(biased variance + epsilon)
    float* scratch = nullptr; ///< [groupNormScratch]
};
void groupNorm(const GroupNormShape& shape, const GroupNormArgs& args, std::int64_t begin, std::int64_t end);

/// Floats that groupNormGrad leaves for groupNormGradFinish.
std::int64_t groupNormPartials(const GroupNormShape& shape);

struct GroupNormGradArgs
{
    const float* x = nullptr;
    const float* gamma = nullptr; ///< [channels]; null means 1
    const float* mean = nullptr;  ///< [samples, groups]
    const float* rstd = nullptr;  ///< [samples, groups]
    const float* dy = nullptr;
    float* dx = nullptr;       ///< may be dy
    float* dgamma = nullptr;   ///< [channels]
    float* dbeta = nullptr;    ///< [channels]
    float* partials = nullptr; ///< [groupNormPartials], shared by all units
    float* scratch = nullptr;  ///< [groupNormScratch]
};
/// dx and the units' shares of dgamma and dbeta.
void groupNormGrad(
    const GroupNormShape& shape, const GroupNormGradArgs& args, std::int64_t begin, std::int64_t end);
/// dgamma and dbeta from the shares, in a fixed order.
void groupNormGradFinish(const GroupNormShape& shape, const GroupNormGradArgs& args);

} // namespace gradloom::cpu
