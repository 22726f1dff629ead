#include "widgets/live/plot.h"

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double axisWidth = 50;
constexpr double headHeight = 44;
constexpr double footHeight = 26;
constexpr double closest = 1e-5; ///< of the whole range: as near as one can zoom

QRectF plotArea(const QRectF& card)
{
    return card.adjusted(axisWidth, headHeight, -16, -footHeight);
}

QColor pale(QColor color, double alpha)
{
    color.setAlphaF(static_cast<float>(alpha));
    return color;
}

} // namespace

double Plot::toScale(double y) const
{
    return m_log ? std::log10(std::max(y, 1e-30)) : y;
}

double Plot::fromScale(double y) const
{
    return m_log ? std::pow(10.0, y) : y;
}

QPointF Plot::toScreen(double x, double y) const
{
    const double low = toScale(m_y.low), high = toScale(m_y.high);
    return {m_area.left() + (x - m_x.low) / m_x.length() * m_area.width(),
        m_area.bottom() - (toScale(y) - low) / (high - low) * m_area.height()};
}

void Plot::updateRanges(const PlotSpec& spec, const PlotLink& link)
{
    if (m_log != spec.logY)
        m_zoomY.reset(); // a part of one scale means nothing on the other
    m_log = spec.logY;
    m_x = link.x.value_or(spec.fitX);
    m_y = m_zoomY.value_or(spec.fitY);
    if (!(m_x.length() > 0))
        m_x.high = m_x.low + 1;
    if (m_log)
        m_y.low = std::max(m_y.low, 1e-30);
    if (!(m_y.high > m_y.low))
        m_y.high = m_log ? m_y.low * 10 : m_y.low + 1;
}

void Plot::zoomX(PlotLink& link, const PlotSpec& spec, double at, double factor)
{
    const double length = std::max(m_x.length() * factor, spec.fitX.length() * closest);
    if (length >= spec.fitX.length()) {
        link.x.reset();
        return;
    }
    const double share = (at - m_area.left()) / m_area.width();
    const double middle = m_x.low + share * m_x.length();
    const double low = std::clamp(middle - share * length, spec.fitX.low, spec.fitX.high - length);
    link.x = Range{low, low + length};
}

void Plot::zoomY(const PlotSpec& spec, double at, double factor)
{
    const double low = toScale(m_y.low), high = toScale(m_y.high);
    const double whole =
        toScale(spec.fitY.high) - toScale(m_log ? std::max(spec.fitY.low, 1e-30) : spec.fitY.low);
    const double length = (high - low) * factor;
    if (length < whole * closest || length > whole * 20)
        return;
    const double share = (m_area.bottom() - at) / m_area.height();
    const double middle = low + share * (high - low);
    m_zoomY = Range{fromScale(middle - share * length), fromScale(middle + (1 - share) * length)};
}

void Plot::pan(PlotLink& link, QPointF by)
{
    if (by.x() != 0) {
        const double shift = -by.x() / m_area.width() * m_x.length();
        link.x = Range{m_x.low + shift, m_x.high + shift};
    }
    if (by.y() != 0) {
        const double low = toScale(m_y.low), high = toScale(m_y.high);
        const double shift = by.y() / m_area.height() * (high - low);
        m_zoomY = Range{fromScale(low + shift), fromScale(high + shift)};
    }
}

void Plot::interact(const LiveFrame& frame, const QRectF& card, const PlotSpec& spec, PlotLink& link)
{
    m_area = plotArea(card);
    updateRanges(spec, link);
    const Pointer& pointer = frame.pointer;
    const bool inside = pointer.inside && m_area.contains(pointer.position);
    const bool overAxis =
        pointer.inside && card.contains(pointer.position) && pointer.position.x() < m_area.left();
    if (inside && pointer.doubleClicked) {
        link.x.reset();
        fit();
    } else if (inside && pointer.pressed) {
        m_dragging = true;
    }
    if (m_dragging && !pointer.drag.isNull())
        pan(link, pointer.drag);
    if (!pointer.down)
        m_dragging = false;
    if ((inside || overAxis) && pointer.wheel != 0) {
        const double factor = std::pow(0.8, pointer.wheel);
        if (overAxis || pointer.modifiers & Qt::ShiftModifier)
            zoomY(spec, pointer.position.y(), factor);
        else
            zoomX(link, spec, pointer.position.x(), factor);
    }
    updateRanges(spec, link);
    if (inside)
        link.hover = m_x.low + (pointer.position.x() - m_area.left()) / m_area.width() * m_x.length();
}

void Plot::drawAxes(LiveFrame& frame, const PlotSpec& spec)
{
    const double half = textHeight(TextStyle::Small) / 2 + 1;
    const int rows = std::max(2, static_cast<int>(m_area.height() / 38));
    const std::vector<double> ys = m_log ? logTicks(m_y) : niceTicks(m_y, rows);
    const double stepY = ys.size() > 1 ? ys[1] - ys[0] : m_y.length();
    for (double y : ys) {
        const double at = toScreen(m_x.low, y).y();
        frame.draw.horizontal(m_area.left(), m_area.right(), at, frame.colors.faint);
        frame.draw.text({m_area.left() - 8, at - half}, TextStyle::Small, frame.colors.muted,
            spec.yText(y, m_log ? y : stepY), Align::Right);
    }
    std::vector<double> xs = niceTicks(m_x, std::max(2, static_cast<int>(m_area.width() / 64)));
    const double stepX = xs.size() > 1 ? xs[1] - xs[0] : m_x.length();
    if (spec.wholeX)
        std::erase_if(xs, [](double x) { return std::abs(x - std::round(x)) > 1e-6; });
    for (double x : xs)
        frame.draw.text({toScreen(x, m_y.low).x(), m_area.bottom() + 6}, TextStyle::Small, frame.colors.muted,
            spec.xText(x, stepX), Align::Centre);
}

void Plot::drawLegend(LiveFrame& frame, const QRectF& card, const PlotSpec& spec)
{
    frame.draw.text({card.left() + 14, card.top() + 10}, TextStyle::Strong, frame.colors.text, spec.title);
    double x = card.right() - 16;
    for (auto line = spec.lines.rbegin(); line != spec.lines.rend(); ++line) {
        if (line->name.empty())
            continue;
        const double width = frame.draw.textWidth(TextStyle::Small, line->name);
        const double left = x - width - 16;
        if (left < card.left() + 30 + frame.draw.textWidth(TextStyle::Strong, spec.title))
            return; // the crosshair names what has no room here
        frame.draw.text({x, card.top() + 11}, TextStyle::Small, frame.colors.muted, line->name, Align::Right);
        frame.draw.fill({left, card.top() + 16, 11, 3}, line->color, 1.5);
        x = left - 16;
    }
}

void Plot::drawLine(LiveFrame& frame, const PlotLine& line)
{
    const std::vector<PlotColumn> columns =
        decimate(line.x, line.y, m_x, std::max(1, static_cast<int>(m_area.width())));
    std::vector<QPointF> points;
    points.reserve(columns.size());
    if (line.kind == PlotLine::Kind::Raw) {
        drawRaw(frame, line, columns);
        return;
    }
    for (const PlotColumn& column : columns)
        points.push_back(toScreen(column.x, column.last));
    frame.draw.polyline(points, line.color, 1.8);
    if (line.kind == PlotLine::Kind::Points && columns.size() <= 60)
        for (const QPointF& point : points)
            frame.draw.dot(point, 2.6, line.color);
    else if (points.size() == 1)
        frame.draw.dot(points.front(), 2, line.color);
}

void Plot::drawRaw(LiveFrame& frame, const PlotLine& line, const std::vector<PlotColumn>& columns)
{
    std::vector<QPointF> tops, bottoms;
    size_t filled = 0;
    for (const PlotColumn& column : columns) {
        tops.push_back(toScreen(column.x, column.high));
        bottoms.push_back(toScreen(column.x, column.low));
        filled += column.low < column.high;
    }
    // Single steps are joined by lines; where most columns hold several, what is seen is how far they spread.
    if (filled * 2 < columns.size()) {
        frame.draw.polyline(tops, pale(line.color, 0.34), 1);
        return;
    }
    for (size_t i = 1; i < tops.size(); ++i) { // no gaps between one column and the next
        tops[i].setY(std::min(tops[i].y(), bottoms[i - 1].y()));
        bottoms[i].setY(std::max(bottoms[i].y(), tops[i - 1].y()));
    }
    frame.draw.band(tops, bottoms, pale(line.color, 0.24));
}

void Plot::drawHover(LiveFrame& frame, const PlotSpec& spec, double at)
{
    struct Row
    {
        const PlotLine* line;
        std::string value;
    };
    std::vector<Row> rows;
    const double x = toScreen(at, m_y.low).x();
    frame.draw.vertical(x, m_area.top(), m_area.bottom(), pale(frame.colors.text, 0.35));
    const std::string title = spec.hoverTitle(at);
    m_hoverText = title;
    double names = 0, values = 0, heights = 0;
    for (const PlotLine& line : spec.lines) {
        const size_t index = nearest(line.x, at);
        if (line.name.empty() || index >= line.x.size() || !std::isfinite(line.y[index]))
            continue;
        frame.draw.dot(toScreen(line.x[index], line.y[index]), 3.4, frame.colors.card);
        frame.draw.dot(toScreen(line.x[index], line.y[index]), 2.6, line.color);
        heights += toScreen(line.x[index], line.y[index]).y();
        rows.push_back({&line, spec.valueText(line.y[index])});
        names = std::max(names, frame.draw.textWidth(TextStyle::Small, line.name));
        values = std::max(values, frame.draw.textWidth(TextStyle::Small, rows.back().value));
        m_hoverText += "\n" + line.name + " " + rows.back().value;
    }
    const double width = std::max(frame.draw.textWidth(TextStyle::Small, title), names + values + 34) + 20;
    const double height = 26 + 17 * static_cast<double>(rows.size());
    const double left = x + 12 + width < m_area.right() ? x + 12 : std::max(m_area.left(), x - 12 - width);
    // Where the curves are not.
    const bool low = !rows.empty() && heights / static_cast<double>(rows.size()) < m_area.center().y();
    const QRectF box(left, low ? m_area.bottom() - 4 - height : m_area.top() + 4, width, height);
    frame.draw.popClip(); // the box may be higher than the plot
    frame.draw.fill(box, frame.colors.panel, 6);
    frame.draw.frame(box, frame.colors.border, 6);
    frame.draw.text({box.left() + 10, box.top() + 6}, TextStyle::Small, frame.colors.muted, title);
    double y = box.top() + 24;
    for (const Row& row : rows) {
        frame.draw.fill({box.left() + 10, y + 5, 10, 3}, row.line->color, 1.5);
        frame.draw.text({box.left() + 26, y}, TextStyle::Small, frame.colors.muted, row.line->name);
        frame.draw.text({box.right() - 10, y}, TextStyle::Small, frame.colors.text, row.value, Align::Right);
        y += 17;
    }
    frame.draw.pushClip(m_area);
}

void Plot::draw(LiveFrame& frame, const QRectF& card, const PlotSpec& spec, const PlotLink& link)
{
    m_area = plotArea(card);
    updateRanges(spec, link);
    m_hoverText.clear();
    frame.draw.card(card, frame.colors);
    drawLegend(frame, card, spec);
    if (m_area.width() < 20 || m_area.height() < 20)
        return;
    drawAxes(frame, spec);
    frame.draw.pushClip(m_area.adjusted(-1, -3, 1, 2));
    if (spec.now && *spec.now > m_x.low && *spec.now < m_x.high)
        frame.draw.dottedVertical(
            toScreen(*spec.now, m_y.low).x(), m_area.top(), m_area.bottom(), frame.colors.muted);
    for (const PlotLine& line : spec.lines)
        drawLine(frame, line);
    if (link.hover && *link.hover >= m_x.low && *link.hover <= m_x.high)
        drawHover(frame, spec, *link.hover);
    frame.draw.popClip();
}

} // namespace gradloom::widgets
