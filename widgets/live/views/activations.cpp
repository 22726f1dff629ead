#include "widgets/live/views/activations.h"

#include "widgets/live/layers_now.h"
#include "widgets/live/live_text.h"
#include "widgets/live/tensor_image.h"

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double gap = 8;
constexpr double listWidth = 230;
constexpr double rowHeight = 26;
constexpr double between = 4; ///< between two maps

bool hasPicture(const train::Activation& activation)
{
    return mapCount(activation.values) > 0 ||
           (activation.values.shape().rank() == 1 && !activation.values.empty());
}

/// Number of columns with which `count` cells of the given aspect become largest in the area.
int bestColumns(int count, double aspect, const QRectF& area, double& cellWidth)
{
    int best = 1;
    cellWidth = 0;
    for (int columns = 1; columns <= count; ++columns) {
        const int rows = (count + columns - 1) / columns;
        const double byWidth = (area.width() + between) / columns - between;
        const double byHeight = ((area.height() + between) / rows - between) * aspect;
        const double width = std::min(byWidth, byHeight);
        if (width > cellWidth) {
            cellWidth = width;
            best = columns;
        }
    }
    return best;
}

} // namespace

ActivationsView::ActivationsView(LiveContext& context)
    : GlLiveView(context, tr("Activations"),
          tr("What each layer computes for one test picture, channel by channel."))
{
}

const train::Activation* ActivationsView::shown() const
{
    const auto& snapshot = m_context.history.snapshot();
    if (!snapshot)
        return nullptr;
    const train::Activation* first = nullptr;
    for (const train::Activation& activation : snapshot->activations) {
        if (!hasPicture(activation))
            continue;
        if (activation.node == m_context.selectedNode)
            return &activation;
        // Without a choice the first layer that computes several maps: the input itself says little.
        if (!first || (mapCount(first->values) <= 3 && mapCount(activation.values) > 3))
            first = &activation;
    }
    return first;
}

void ActivationsView::paint(LiveFrame& frame)
{
    const QRectF whole = QRectF(QPointF(0, 0), frame.size).adjusted(gap, gap, -gap, -2);
    const train::Activation* activation = shown();
    if (!activation) {
        paintNotice(frame, whole,
            m_context.history.active()
                ? tr("The first activations come with the first steps.")
                : tr("Nothing trained yet. Press Train to see what the layers compute."));
        return;
    }
    const QRectF list(whole.left(), whole.top(), listWidth, whole.height());
    const QRectF content(list.right() + gap, whole.top(), whole.right() - list.right() - gap, whole.height());
    drawList(frame, list);
    frame.draw.card(content, frame.colors);
    frame.draw.text(
        content.topLeft() + QPointF(14, 10), TextStyle::Strong, frame.colors.text, activation->node);
    const double nameWidth = frame.draw.textWidth(TextStyle::Strong, activation->node);
    frame.draw.text(content.topLeft() + QPointF(14 + nameWidth + 10, 11), TextStyle::Small,
        frame.colors.muted, activation->values.shape().toString());
    const QRectF inner = content.adjusted(14, 36, -14, -12);
    if (mapCount(activation->values) > 0)
        drawMaps(frame, inner, *activation);
    else
        drawBars(frame, inner, *activation);
}

void ActivationsView::drawList(LiveFrame& frame, const QRectF& area)
{
    frame.draw.card(area, frame.colors);
    const train::Activation* now = shown();
    std::vector<const train::Activation*> rows;
    for (const train::Activation& activation : m_context.history.snapshot()->activations)
        if (hasPicture(activation))
            rows.push_back(&activation);
    const QRectF inner = area.adjusted(6, 6, -6, -6);
    const bool inside = frame.pointer.inside && inner.contains(frame.pointer.position);
    if (inside)
        m_scroll -= frame.pointer.wheel * rowHeight * 2;
    m_scroll = std::clamp(
        m_scroll, 0.0, std::max(0.0, static_cast<double>(rows.size()) * rowHeight - inner.height()));
    frame.draw.pushClip(inner);
    double y = inner.top() - m_scroll;
    for (const train::Activation* row : rows) {
        const QRectF box(inner.left(), y, inner.width(), rowHeight);
        y += rowHeight;
        if (!box.intersects(inner))
            continue;
        const bool hovered = inside && box.contains(frame.pointer.position);
        if (row == now || hovered)
            frame.draw.fill(
                box.adjusted(0, 1, 0, -1), row == now ? frame.colors.track : frame.colors.faint, 5);
        if (hovered && frame.pointer.pressed && m_context.selectNode)
            m_context.selectNode(row->node);
        const double middle = box.center().y();
        frame.draw.fill({box.left() + 8, middle - 4, 8, 8}, nodeColor(m_context, row->node), 2);
        const std::string shape = row->values.shape().toString();
        const double shapeWidth = frame.draw.textWidth(TextStyle::Small, shape);
        frame.draw.text({box.right() - 8, middle - textHeight(TextStyle::Small) / 2 - 1}, TextStyle::Small,
            frame.colors.muted, shape, Align::Right);
        frame.draw.text({box.left() + 24, middle - textHeight(TextStyle::Body) / 2 - 1}, TextStyle::Body,
            frame.colors.text, frame.draw.fitted(TextStyle::Body, row->node, box.width() - shapeWidth - 40));
    }
    frame.draw.popClip();
}

void ActivationsView::drawMaps(LiveFrame& frame, const QRectF& area, const train::Activation& activation)
{
    const int count = mapCount(activation.values);
    const double mapWidth = mapSize(activation.values).width();
    const double mapHeight = mapSize(activation.values).height();
    double width = 0;
    const int columns = bestColumns(count, mapWidth / mapHeight, area, width);
    if (width < 2)
        return;
    GlTexture& texture = frame.renderer.texture("maps");
    const train::Snapshot* snapshot = m_context.history.snapshot().get();
    if (!texture.id || m_uploaded != snapshot || m_uploadedStep != snapshot->step ||
        m_uploadedNode != activation.node || m_uploadedColumns != columns) {
        frame.renderer.upload(texture, mapAtlas(activation.values, columns), false);
        m_uploaded = snapshot;
        m_uploadedStep = snapshot->step;
        m_uploadedNode = activation.node;
        m_uploadedColumns = columns;
    }
    const double height = width * mapHeight / mapWidth;
    const double left = area.left() + (area.width() - columns * (width + between) + between) / 2;
    int hovered = -1;
    for (int i = 0; i < count; ++i) {
        const int column = i % columns, row = i / columns;
        const QRectF cell(
            left + column * (width + between), area.top() + row * (height + between), width, height);
        frame.draw.picture(
            texture, cell, {column * (mapWidth + 1), row * (mapHeight + 1), mapWidth, mapHeight});
        if (frame.pointer.inside && cell.contains(frame.pointer.position)) {
            frame.draw.frame(cell.adjusted(-1, -1, 1, 1), frame.colors.accent, 2, 2);
            hovered = i;
        }
    }
    QString caption = tr("each map from its smallest value (dark) to its largest (yellow)");
    if (hovered >= 0) {
        float low = INFINITY, high = -INFINITY;
        const std::span<const float> values = activation.values.floats();
        for (size_t i = static_cast<size_t>(hovered); i < values.size(); i += static_cast<size_t>(count)) {
            low = std::min(low, values[i]);
            high = std::max(high, values[i]);
        }
        caption = tr("channel %1 · from %2 to %3").arg(hovered).arg(low, 0, 'g', 3).arg(high, 0, 'g', 3);
    }
    frame.draw.text({area.right(), area.top() - 25}, TextStyle::Small, frame.colors.muted,
        caption.toStdString(), Align::Right);
}

void ActivationsView::drawBars(LiveFrame& frame, const QRectF& area, const train::Activation& activation)
{
    const std::span<const float> values = activation.values.floats();
    float low = 0, high = 0;
    for (float value : values)
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    const double range = std::max(high - low, 1e-12f);
    const double zero = area.bottom() + low / range * area.height();
    // More values than pixels: the largest by amount stands for its neighbours.
    const auto bars = std::min(values.size(), static_cast<size_t>(std::max(1.0, area.width() / 2)));
    const double width = area.width() / static_cast<double>(bars);
    const QColor color = nodeColor(m_context, activation.node);
    for (size_t i = 0; i < bars; ++i) {
        const size_t begin = i * values.size() / bars, end = (i + 1) * values.size() / bars;
        float value = values[begin];
        for (size_t k = begin; k < end; ++k)
            if (std::abs(values[k]) > std::abs(value))
                value = values[k];
        const double height = std::isfinite(value) ? value / range * area.height() : 0;
        const double left = area.left() + static_cast<double>(i) * width;
        frame.draw.fill(QRectF(left, height < 0 ? zero : zero - height,
                            std::max(width - std::min(2.0, width / 4), 0.7), std::abs(height)),
            color, width > 8 ? 2 : 0);
    }
    frame.draw.horizontal(area.left(), area.right(), zero, frame.colors.track);
    frame.draw.text({area.right(), area.top() - 25}, TextStyle::Small, frame.colors.muted,
        tr("%1 numbers from %2 to %3")
            .arg(values.size())
            .arg(low, 0, 'g', 3)
            .arg(high, 0, 'g', 3)
            .toStdString(),
        Align::Right);
}

LiveViewType activations()
{
    LiveViewType type;
    type.id = "activations";
    type.title = QT_TRANSLATE_NOOP("LiveView", "Activations");
    type.order = 20;
    type.create = [](LiveContext& context) { return std::make_unique<ActivationsView>(context); };
    return type;
}

} // namespace gradloom::widgets
