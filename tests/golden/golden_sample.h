#pragma once

#include "engine/layers/layer_type.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace gradloom::tests {

/// What a stored result depends on, as JSON: the layer, its complete options, the types of its inputs, and
/// names, kinds and shapes of all tensors that are given from outside. It is kept with the numbers, so that a
/// sample that was changed is not compared with the old sample's numbers.
nlohmann::json describeSample(const layers::LayerType& type, size_t sample);

/// Folder of the stored numbers.
std::filesystem::path goldenFolder();

} // namespace gradloom::tests
