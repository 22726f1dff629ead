#pragma once

#include "widgets/live/imgui_widget.h"
#include "widgets/live/live_view.h"

namespace gradloom::widgets {

/// Bars of the gradient norms of all layers and the weight histogram of the selected one, in a card. A click
/// on a layer selects it.
void drawLayersNow(LiveFrame& frame, const QRectF& card, LiveContext& context);

/// A histogram of weights with its range below; `caption` stands above.
void drawHistogram(
    LiveFrame& frame, const QRectF& area, const train::LayerHealth& layer, const QColor& color);

/// The layer whose weights are shown: the selected one where it has weights, else the first; nullptr without
/// any.
const train::LayerHealth* shownLayer(const LiveContext& context);

/// The colour of a node's layer category.
QColor nodeColor(const LiveContext& context, const std::string& node);

} // namespace gradloom::widgets
