#include "widgets/canvas/edge_item.h"

#include "widgets/theme/theme.h"

#include <QFontMetricsF>
#include <QPainter>

#include <cmath>

namespace gradloom::widgets {

namespace {

QFont labelFont()
{
    QFont font = theme().monospace(11, QFont::Bold);
    font.setHintingPreference(QFont::PreferNoHinting);
    return font;
}

} // namespace

bool turnsBack(QPointF from, QPointF to)
{
    return to.x() < from.x() + 24 && std::abs(to.y() - from.y()) > 1;
}

EdgeCourse edgeCourse(QPointF from, QPointF to, double channel)
{
    EdgeCourse course;
    course.path.moveTo(from);
    if (!turnsBack(from, to)) {
        const double reach = std::max(30.0, std::abs(to.x() - from.x()) / 2);
        course.path.cubicTo(from + QPointF(reach, 0), to - QPointF(reach, 0), to);
        course.label = course.path.pointAtPercent(0.5);
        course.labelOnLine = std::abs(to.y() - from.y()) > 18;
        if (!course.labelOnLine)
            course.label.ry() -= 17;
        return course;
    }
    // How far the turns bulge: wider for a higher step, so that they look like arcs.
    const double out = std::clamp(std::abs(channel - from.y()) * 0.42, 24.0, 60.0);
    const double in = std::clamp(std::abs(to.y() - channel) * 0.55, 24.0, 60.0);
    const double span = std::max(from.x() - to.x(), 0.0);
    const QPointF turned(from.x() - std::min(span * 0.25, 130.0), channel);
    const QPointF returning(to.x() + std::min(span * 0.12, 60.0), channel);
    course.path.cubicTo(from + QPointF(out, 0), QPointF(from.x() + out, channel), turned);
    course.path.lineTo(returning);
    course.path.cubicTo(QPointF(to.x() - in, channel), QPointF(to.x() - in, to.y()), to);
    course.label = (turned + returning) / 2;
    course.labelOnLine = true;
    return course;
}

EdgeItem::EdgeItem(graph::Edge edge) : m_edge(std::move(edge))
{
    setFlag(ItemIsSelectable);
    setAcceptHoverEvents(true);
}

void EdgeItem::setCourse(EdgeCourse course)
{
    if (course.path == m_course.path)
        return;
    prepareGeometryChange();
    m_course = std::move(course);
    update();
}

void EdgeItem::setLabel(const QString& text)
{
    if (text == m_label)
        return;
    prepareGeometryChange();
    m_label = text;
    update();
}

void EdgeItem::setTouched(bool touched)
{
    m_touched = touched;
    update();
}

void EdgeItem::setInsertHere(bool here)
{
    if (here == m_insertHere)
        return;
    m_insertHere = here;
    update();
}

QRectF EdgeItem::labelRect() const
{
    if (m_label.isEmpty())
        return {};
    const QFontMetricsF metrics(labelFont());
    const QSizeF size(metrics.horizontalAdvance(m_label) + 10, 16);
    QPointF centre = m_course.label;
    // Between close nodes there is no room beside the ports; above their upper edges there is.
    if (!m_course.labelOnLine && m_course.path.boundingRect().width() < size.width() + 12)
        centre.ry() -= 24;
    return {centre - QPointF(size.width() / 2, size.height() / 2), size};
}

QRectF EdgeItem::boundingRect() const
{
    return m_course.path.boundingRect().adjusted(-8, -8, 8, 8) | labelRect();
}

QPainterPath EdgeItem::shape() const
{
    QPainterPathStroker stroker;
    stroker.setWidth(14);
    return stroker.createStroke(m_course.path);
}

void EdgeItem::paint(QPainter* painter, const QStyleOptionGraphicsItem*, QWidget*)
{
    const Theme& colours = theme();
    painter->setRenderHint(QPainter::Antialiasing);
    QColor line = colours.color(Role::Line);
    if (m_touched || isSelected() || m_insertHere)
        line = colours.color(Role::Accent);
    else if (m_hovered)
        line = mixed(line, colours.color(Role::Text), 0.5);
    const double width = m_insertHere ? 4 : isSelected() ? 3 : 1.7;
    painter->setBrush(Qt::NoBrush);
    painter->setPen(QPen(line, width, Qt::SolidLine, Qt::RoundCap));
    painter->drawPath(m_course.path);
    if (m_label.isEmpty())
        return;
    const QRectF rect = labelRect();
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.color(Role::Background));
    painter->drawRoundedRect(rect, 4, 4);
    painter->setFont(labelFont());
    painter->setPen(colours.color(isSelected() ? Role::Accent : Role::TextDim));
    painter->drawText(rect, Qt::AlignCenter, m_label);
}

void EdgeItem::hoverEnterEvent(QGraphicsSceneHoverEvent*)
{
    m_hovered = true;
    update();
}

void EdgeItem::hoverLeaveEvent(QGraphicsSceneHoverEvent*)
{
    m_hovered = false;
    update();
}

} // namespace gradloom::widgets
