#pragma once

#include "engine/base/param.h"

#include <vector>

namespace gradloom::ir {

/// Some of the numbers that a random operation draws.
struct RandomPart
{
    int64_t first = 0; ///< of the operation's own
    int64_t count = 0;
    int64_t place = 0; ///< of the first one among those of the whole batch
};

/// The equal parts of an operation's `count` numbers. In a share of a batch each part's are those of the whole batch
/// from a place in the option `places` on, so that all shares together draw what one device would; without the option
/// there is one part, which begins at 0. Real and fake samples of a GAN are two parts.
inline std::vector<RandomPart> randomParts(const Params& options, int64_t count)
{
    if (!options.has("places"))
        return {{0, count, 0}};
    const std::vector<int64_t>& places = options.list("places");
    const int64_t size = count / static_cast<int64_t>(places.size());
    std::vector<RandomPart> parts;
    for (const int64_t place : places)
        parts.push_back({static_cast<int64_t>(parts.size()) * size, size, place});
    return parts;
}

/// The same for things that draw a sequence each, of at most two parts: which one of the whole batch a thing is.
struct RandomUnits
{
    int64_t first = 0;   ///< what the first one is
    int64_t later = 0;   ///< from this one on
    int64_t laterBy = 0; ///< they are so many further
};

inline RandomUnits randomUnits(const Params& options, int64_t count)
{
    const std::vector<RandomPart> parts = randomParts(options, count);
    const RandomPart& last = parts.back();
    return {parts.front().place, last.first, last.place - last.first - parts.front().place};
}

} // namespace gradloom::ir
