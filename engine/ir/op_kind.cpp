#include "engine/ir/op_kind.h"

#include <algorithm>
#include <initializer_list>

namespace gradloom::ir {

namespace {

bool isOneOf(std::string_view id, std::initializer_list<std::string_view> families)
{
    return std::any_of(
        families.begin(), families.end(), [&](std::string_view family) { return id.starts_with(family); });
}

} // namespace

bool isProduct(std::string_view id)
{
    return isOneOf(id, {"gemm", "conv2d", "rnn", "lstm", "gru", "attention"});
}

std::string_view prescribedLayout(std::string_view id, const Shape& result)
{
    std::string_view layout;
    if (id == "conv2d_weights_gradient")
        layout = "HWCK";
    else if (isOneOf(id, {"conv2d", "max_pool2d", "avg_pool2d", "resize", "augment"}))
        layout = "NHWC";
    else if (isOneOf(id, {"rnn", "lstm", "gru", "attention"}))
        layout = "NLC";
    return static_cast<int>(layout.size()) == result.rank() ? layout : std::string_view();
}

} // namespace gradloom::ir
