#pragma once

#include "engine/tensor/tensor.h"

#include <QImage>
#include <QRgb>
#include <QSize>

#include <array>
#include <vector>

namespace gradloom::widgets {

/// The colour map viridis (van der Walt and Smith 2015) in 256 steps.
const std::array<QRgb, 256>& viridis();

/// How many maps an activation holds: channels of H×W×C, 1 for a sequence (steps × features), 0 for others.
int mapCount(const Tensor& activation);
/// Pixels of one map. A sequence has its steps from left to right, its features from top to bottom.
QSize mapSize(const Tensor& activation);

/// All maps of an activation (H×W×C) next to each other in `columns` columns, one texel a value, one texel
/// between the maps, each map scaled to its own range. An empty image for tensors that hold no maps.
QImage mapAtlas(const Tensor& activation, int columns);

/// The first `maps` maps as one strip of the given size in pixels, gaps between them transparent; empty for tensors that
/// hold no maps.
QImage activationStrip(const Tensor& activation, int maps, QSize size);

/// A sample as people see it: grey or colour, smallest value black and largest white. H×W, H×W×1 or H×W×3, U8
/// or F32; U8 is shown as it is. Empty for others.
QImage inputPicture(const Tensor& sample);

/// Enlarged without smoothing, so that pixels stay pixels.
QImage enlarged(const QImage& picture, QSize size);

} // namespace gradloom::widgets
