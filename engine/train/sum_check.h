#pragma once

#include "engine/train/selfcheck.h"

namespace gradloom::train {

/// Lets several devices add up random numbers, as they do with their gradients, and compares with the host's
/// sum. It fails where they do not all get the same bits, or where numbers beside the range change.
Result<Selfcheck> checkSums(const std::vector<std::string>& devices, const SelfcheckOptions& options);

} // namespace gradloom::train
