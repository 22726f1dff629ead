#pragma once

#include "engine/tensor/shape.h"

#include <string_view>

/// What operations have in common that differ in direction, by their ids.
namespace gradloom::ir {

/// Whether an operation multiplies matrices: products, convolutions, recurrent layers and attention, both
/// passes. Nearly all arithmetic of a network is in these, and a GPU may round their operands.
bool isProduct(std::string_view id);

/// How the elements of an operation's first result follow each other, "NHWC", where the operation prescribes
/// it; empty for all others, which take any axes.
std::string_view prescribedLayout(std::string_view id, const Shape& result);

} // namespace gradloom::ir
