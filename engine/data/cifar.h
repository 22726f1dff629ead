#pragma once

#include "engine/tensor/tensor.h"

#include <string>
#include <string_view>
#include <vector>

namespace gradloom::data {

/// The records of one file of CIFAR's binary version.
struct CifarPart
{
    Tensor pictures;            ///< U8 N×32×32×3
    std::vector<Tensor> labels; ///< I32 [N]: the class; of CIFAR-100 also the group
};

/// Reads records of `labels` bytes (1: class of CIFAR-10, below 10; 2: group below 20 and class below 100)
/// and 3072 bytes of pixels, red plane first. The message of an Error begins with `name` and says at which
/// byte.
Result<CifarPart> parseCifar(std::string_view bytes, int labels, const std::string& name);

} // namespace gradloom::data
