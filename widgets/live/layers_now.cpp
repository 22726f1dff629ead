#include "widgets/live/layers_now.h"

#include "widgets/live/live_text.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gradloom::widgets {

namespace {

constexpr double rowHeight = 24;
constexpr double margin = 14;

std::string caps(const char* source, const std::string& rest = {})
{
    QString text = QCoreApplication::translate("LiveView", source);
    if (!rest.empty())
        text += QStringLiteral(" · ") + QString::fromStdString(rest);
    return text.toUpper().toStdString();
}

std::string normText(float norm)
{
    char text[32];
    const char* format = norm >= 1000 ? "%.2e" : norm >= 10 ? "%.2f" : norm >= 0.001f || norm == 0 ? "%.4f" : "%.1e";
    std::snprintf(text, sizeof text, format, static_cast<double>(norm));
    return text;
}

void drawRow(
    LiveFrame& frame, const QRectF& row, const train::LayerHealth& layer, float largest, LiveContext& context)
{
    const bool selected = shownLayer(context) == &layer;
    const bool hovered = frame.pointer.inside && row.contains(frame.pointer.position);
    if (selected || hovered)
        frame.draw.fill(row.adjusted(-6, 0, 6, 0), selected ? frame.colors.track : frame.colors.faint, 5);
    if (hovered && frame.pointer.pressed && context.selectNode)
        context.selectNode(layer.node);
    const double text = row.center().y() - textHeight(TextStyle::Body) / 2 - 1;
    const double names = row.width() * 0.36;
    frame.draw.text({row.left(), text}, TextStyle::Body, frame.colors.text,
        frame.draw.fitted(TextStyle::Body, layer.node, names - 10));
    const double numbers = 74;
    const QRectF bar(row.left() + names, row.center().y() - 3, row.width() - names - numbers, 6);
    frame.draw.fill(bar, selected ? frame.colors.border : frame.colors.track, 3);
    const double width = largest > 0 ? bar.width() * layer.gradientNorm / largest : 0;
    if (width > 0)
        frame.draw.fill(
            {bar.left(), bar.top(), std::max(width, 6.0), bar.height()}, nodeColor(context, layer.node), 3);
    frame.draw.text({row.right(), text}, TextStyle::Body, frame.colors.muted,
        "|∇| " + normText(layer.gradientNorm), Align::Right);
}

} // namespace

QColor nodeColor(const LiveContext& context, const std::string& node)
{
    return categoryColor(context.categoryOf ? context.categoryOf(node) : std::string());
}

const train::LayerHealth* shownLayer(const LiveContext& context)
{
    const auto& snapshot = context.history.snapshot();
    if (!snapshot || snapshot->layers.empty())
        return nullptr;
    const auto found = std::find_if(snapshot->layers.begin(), snapshot->layers.end(),
        [&](const train::LayerHealth& layer) { return layer.node == context.selectedNode; });
    return found != snapshot->layers.end() ? &*found : &snapshot->layers.front();
}

void drawHistogram(LiveFrame& frame, const QRectF& area, const train::LayerHealth& layer, const QColor& color)
{
    if (layer.histogram.empty() || area.height() < 24)
        return;
    const double foot = textHeight(TextStyle::Small) + 5;
    const QRectF bars = area.adjusted(0, 0, 0, -foot);
    const float most = *std::max_element(layer.histogram.begin(), layer.histogram.end());
    const double width = bars.width() / static_cast<double>(layer.histogram.size());
    for (size_t i = 0; i < layer.histogram.size(); ++i) {
        const double height = most > 0 ? layer.histogram[i] / most * bars.height() : 0;
        if (height > 0)
            frame.draw.fill(
                {bars.left() + static_cast<double>(i) * width, bars.bottom() - std::max(height, 1.0),
                    std::max(width - 1, 0.5), std::max(height, 1.0)},
                color);
    }
    frame.draw.horizontal(bars.left(), bars.right(), bars.bottom(), frame.colors.track);
    const double step = std::max(static_cast<double>(layer.high - layer.low) / 10, 1e-12);
    const auto label = [&](double value, double x, Align align) {
        char text[32];
        std::snprintf(text, sizeof text, "%.2g", std::abs(value) < step * 1e-6 ? 0.0 : value);
        frame.draw.text({x, bars.bottom() + 4}, TextStyle::Small, frame.colors.muted, text, align);
    };
    label(layer.low, bars.left(), Align::Left);
    label(layer.high, bars.right(), Align::Right);
    const double zero = bars.left() - layer.low / std::max(layer.high - layer.low, 1e-12f) * bars.width();
    if (zero > bars.left() + 44 && zero < bars.right() - 44)
        label(0, zero, Align::Centre);
}

void drawLayersNow(LiveFrame& frame, const QRectF& card, LiveContext& context)
{
    frame.draw.card(card, frame.colors);
    double y = card.top() + 12;
    const QRectF inner = card.adjusted(margin, 0, -margin, 0);
    frame.draw.text({inner.left(), y}, TextStyle::Caps, frame.colors.muted,
        caps(QT_TRANSLATE_NOOP("LiveView", "Layers now")));
    y += 22;
    const train::LayerHealth* shown = shownLayer(context);
    if (!shown) {
        frame.draw.text({inner.left(), y + 4}, TextStyle::Body, frame.colors.muted,
            QCoreApplication::translate("LiveView", "Gradients appear with the first steps.").toStdString());
        return;
    }
    const auto& layers = context.history.snapshot()->layers;
    float largest = 0;
    for (const train::LayerHealth& layer : layers)
        largest = std::max(largest, layer.gradientNorm);
    // The histogram keeps at least a third of the card; layers that have no room are in the tab for
    // gradients.
    const double histogramHeight = std::max(92.0, card.height() * 0.34);
    const auto room = static_cast<size_t>(std::max(1.0, (card.bottom() - y - histogramHeight) / rowHeight));
    const size_t rows = std::min(layers.size(), room);
    const auto chosen = static_cast<size_t>(shown - layers.data());
    const size_t first = chosen >= rows ? chosen - rows + 1 : 0;
    for (size_t i = first; i < first + rows; ++i, y += rowHeight)
        drawRow(frame, {inner.left(), y, inner.width(), rowHeight}, layers[i], largest, context);
    y += 12;
    frame.draw.text({inner.left(), y}, TextStyle::Caps, frame.colors.muted,
        caps(QT_TRANSLATE_NOOP("LiveView", "Weights"), shown->node));
    drawHistogram(frame, QRectF(QPointF(inner.left(), y + 20), QPointF(inner.right(), card.bottom() - 8)),
        *shown, nodeColor(context, shown->node));
}

} // namespace gradloom::widgets
