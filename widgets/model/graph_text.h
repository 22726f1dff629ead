#pragma once

#include "engine/graph/analysis.h"

#include <QString>

namespace gradloom::widgets {

/// Numbers and shapes as they stand in nodes and panels.

/// "320 p", "18.5k", "1.2M"; empty for 0.
QString shortCount(int64_t count);
/// What stands in a node: "18.5k", and "18.5k × 3" for one that is repeated.
QString countText(const graph::NodeInfo& info);
/// "18,496" in the user's language.
QString fullCount(int64_t count);
/// "4.46": millions of floating point operations.
QString megaFlops(int64_t flops);
/// "26×26×32"; "?" where the shape is not known.
QString shapeText(const TensorType& type);
QString spacedShapeText(const TensorType& type);

} // namespace gradloom::widgets
