#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradloom::tests {

/// A cuBLASLt that multiplies on the CPU, on the stream it is given, by what its documentation says.
struct FakeCublas
{
    bool withoutEpilogues = false; ///< knows of products alone
    bool withoutProducts = false;
    std::vector<std::string> complaints; ///< why calls were refused
    std::vector<int> epilogues;          ///< of the products that were computed
};

FakeCublas& fakeCublas();

} // namespace gradloom::tests
