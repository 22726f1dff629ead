#include "widgets/live/views/gradients.h"

#include "widgets/live/layers_now.h"
#include "widgets/live/live_text.h"

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double gap = 8;

/// Layers of one category share its colour on the canvas; here neighbours have to differ.
QColor lineColor(const LiveColors& colors, size_t index, size_t count)
{
    const double hue =
        static_cast<double>(index) / static_cast<double>(std::max<size_t>(count, 1)) * 0.85 + 0.58;
    const bool dark = colors.card.lightnessF() < 0.5;
    return QColor::fromHslF(static_cast<float>(hue - std::floor(hue)), 0.75f, dark ? 0.66f : 0.45f);
}

} // namespace

GradientsView::GradientsView(LiveContext& context)
    : GlLiveView(
          context, tr("Gradients"), tr("Size of every layer's gradient over the run, and its weights."))
{
}

void GradientsView::update()
{
    if (m_run != m_context.history.run()) {
        m_series.clear();
        m_run = m_context.history.run();
    }
    for (const auto& [node, points] : m_context.history.gradientNorms()) {
        Series& series = m_series[node];
        for (size_t i = series.x.size(); i < points.size(); ++i) {
            series.x.push_back(static_cast<double>(points[i].step));
            // A gradient of exactly zero has no place on a logarithmic scale.
            series.y.push_back(points[i].gradient > 0 ? points[i].gradient : NAN);
        }
    }
}

PlotSpec GradientsView::spec() const
{
    PlotSpec spec;
    spec.title = tr("Gradient norm").toStdString();
    spec.logY = true;
    spec.wholeX = true;
    spec.xText = tickText;
    spec.yText = tickText;
    spec.valueText = lossText;
    spec.hoverTitle = [](double x) { return tr("step %1").arg(qRound64(x)).toStdString(); };
    double low = 1e30, high = 0, last = 0;
    const auto& layers = m_context.history.snapshot()->layers;
    const LiveColors colors = liveColors();
    for (size_t i = 0; i < layers.size(); ++i) {
        const auto found = m_series.find(layers[i].node);
        if (found == m_series.end() || found->second.x.empty())
            continue;
        const Series& series = found->second;
        spec.lines.push_back({layers[i].node, lineColor(colors, i, layers.size()), PlotLine::Kind::Smooth,
            series.x, series.y});
        for (double value : series.y)
            if (std::isfinite(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
        last = std::max(last, series.x.back());
    }
    spec.fitX = {0, std::max({1.0, last, static_cast<double>(m_context.history.totalSteps())})};
    spec.fitY = high > 0 ? Range{low * 0.7, high * 1.4} : Range{1e-3, 1};
    spec.now = last;
    return spec;
}

void GradientsView::paint(LiveFrame& frame)
{
    const QRectF whole = QRectF(QPointF(0, 0), frame.size).adjusted(gap, gap, -gap, -2);
    update();
    if (!m_context.history.snapshot() || m_context.history.snapshot()->layers.empty()) {
        paintNotice(frame, whole,
            m_context.history.active()
                ? tr("Gradients appear with the first steps.")
                : tr("Nothing trained yet. Press Train to see the gradients of every layer."));
        return;
    }
    const double left = std::round(whole.width() * 0.5);
    const QRectF card(whole.left(), whole.top(), left, whole.height());
    const PlotSpec now = spec();
    m_link.hover.reset();
    m_plot.interact(frame, card, now, m_link);
    m_plot.draw(frame, card, now, m_link);
    drawHistograms(frame, QRectF(QPointF(card.right() + gap, whole.top()), whole.bottomRight()));
}

void GradientsView::drawHistograms(LiveFrame& frame, const QRectF& area)
{
    const auto& layers = m_context.history.snapshot()->layers;
    const int count = static_cast<int>(layers.size());
    const int most = std::max(1, static_cast<int>(area.width() / 210));
    const int rows = (count + most - 1) / most;
    const int columns =
        (count + rows - 1) / rows; // as even as it goes: four are two by two, not three and one
    const double width = (area.width() - gap * (columns - 1)) / columns;
    const double height = std::max(112.0, (area.height() - gap * (rows - 1)) / rows);
    const bool inside = frame.pointer.inside && area.contains(frame.pointer.position);
    if (inside)
        m_scroll -= frame.pointer.wheel * 60;
    m_scroll = std::clamp(m_scroll, 0.0, std::max(0.0, rows * (height + gap) - gap - area.height()));
    frame.draw.pushClip(area);
    for (size_t i = 0; i < layers.size(); ++i) {
        const train::LayerHealth& layer = layers[i];
        const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
        const QRectF card(area.left() + column * (width + gap), area.top() + row * (height + gap) - m_scroll,
            width, height);
        if (!card.intersects(area))
            continue;
        frame.draw.card(card, frame.colors);
        if (layer.node == m_context.selectedNode)
            frame.draw.frame(card, frame.colors.accent, 8);
        if (inside && frame.pointer.pressed && card.contains(frame.pointer.position) && m_context.selectNode)
            m_context.selectNode(layer.node);
        const std::string norm = "|w| " + tickText(layer.weightNorm, 0.01);
        const double normWidth = frame.draw.textWidth(TextStyle::Small, norm);
        frame.draw.text(card.topLeft() + QPointF(12, 9), TextStyle::Strong, frame.colors.text,
            frame.draw.fitted(TextStyle::Strong, layer.node, card.width() - normWidth - 34));
        frame.draw.text(
            {card.right() - 12, card.top() + 11}, TextStyle::Small, frame.colors.muted, norm, Align::Right);
        drawHistogram(frame, card.adjusted(12, 34, -12, -8), layer, nodeColor(m_context, layer.node));
    }
    frame.draw.popClip();
}

LiveViewType gradients()
{
    LiveViewType type;
    type.id = "gradients";
    type.title = QT_TRANSLATE_NOOP("LiveView", "Gradients");
    type.order = 30;
    type.create = [](LiveContext& context) { return std::make_unique<GradientsView>(context); };
    return type;
}

} // namespace gradloom::widgets
