#pragma once

#include "engine/backend/backend.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace gradloom::train {

struct SelfcheckOptions
{
    uint64_t seed = 1; ///< of the random operands
    backend::DeviceOptions device;
    std::function<void(size_t done, size_t total)> progress; ///< cases
};

/// How a primitive does on a device. What was checked is every distinct use of it that the layers' samples,
/// the optimizers and the pointwise functions make of it.
struct PrimitiveCheck
{
    std::string primitive;
    int64_t cases = 0;
    /// Largest difference to the reference, relative to the largest number of all results of the operation, or to the
    /// size that its sums have as a rule (of training steps and of sums of devices: absolute); infinite where an element
    /// was not written or an integer differs.
    double error = 0;
    double limit = 0;    ///< largest error that passes
    double seconds = 0;  ///< of all cases together, the fastest of some runs each
    std::string problem; ///< why it fails; empty where it passes
    std::set<std::string> kernels = {}; ///< what the cases were computed with, as far as the device says
};

struct Selfcheck
{
    std::string device;
    std::string reference;
    std::string note; ///< how it was done, where that is worth a word
    std::vector<PrimitiveCheck> primitives; ///< all that are registered, by name, then whole training steps

    bool passed() const;
};

/// Runs every primitive on a device with fresh random operands in poisoned memory and compares with the CPU;
/// the CPU itself is compared with its own kernels for the lowest instruction set that is compiled in. A
/// primitive for which there is no case fails. Not while anything else computes on the CPU.
Result<Selfcheck> selfcheck(const std::string& device, const SelfcheckOptions& options);

} // namespace gradloom::train
