#include "widgets/canvas/minimap.h"

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/theme/theme.h"

#include <QCoreApplication>
#include <QMouseEvent>
#include <QPainter>

namespace gradloom::widgets {

Minimap::Minimap(CanvasView& view) : QWidget(view.viewport()), m_view(view)
{
    setFixedSize(170, 96);
    setCursor(Qt::ArrowCursor);
    setAccessibleName(tr("Overview of the drawing"));
    setToolTip(tr("Overview: click to go there"));
}

QTransform Minimap::toMap() const
{
    const QRectF seen = m_view.visibleSceneRect();
    const QRectF nodes = m_view.canvasScene().nodesRect();
    // The drawing fills the map wherever one looks; what is seen is cut off at the map's edge.
    const QRectF all = nodes.isEmpty() ? seen : nodes.adjusted(-30, -30, 30, 30);
    const QRectF area = QRectF(rect()).adjusted(9, 9, -9, -9);
    const double scale = std::min(area.width() / all.width(), area.height() / all.height());
    QTransform map;
    map.translate(area.center().x(), area.center().y());
    map.scale(scale, scale);
    map.translate(-all.center().x(), -all.center().y());
    return map;
}

void Minimap::paintEvent(QPaintEvent*)
{
    const Theme& colours = theme();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(colours.color(Role::Border));
    QColor ground = colours.color(Role::Raised);
    ground.setAlphaF(0.94F);
    painter.setBrush(ground);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8);

    const QTransform map = toMap();
    for (const auto* group : m_view.canvasScene().groups()) {
        painter.setPen(QPen(colours.color(Role::Line), 1));
        painter.setBrush(group->isBlock() ? QBrush(colours.color(Role::Line)) : QBrush(Qt::NoBrush));
        painter.drawRoundedRect(map.mapRect(group->area()), 2, 2);
    }
    painter.setPen(Qt::NoPen);
    for (const auto* node : m_view.canvasScene().nodes()) {
        if (node->isFolded())
            continue;
        painter.setBrush(colours.category(node->look().category));
        QRectF box = map.mapRect(node->cardRect().translated(node->pos()));
        box.setHeight(std::min(std::max(box.height(), 6.0), box.width() * 0.6));
        painter.drawRoundedRect(box, 1.5, 1.5);
    }
    const QRectF seen =
        map.mapRect(m_view.visibleSceneRect()).intersected(QRectF(rect()).adjusted(4, 4, -4, -4));
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(colours.color(Role::Accent), 1.2));
    painter.drawRoundedRect(seen, 2, 2);
}

void Minimap::lookAt(QPointF place)
{
    m_view.lookAt(toMap().inverted().map(place));
}

void Minimap::mousePressEvent(QMouseEvent* event)
{
    lookAt(event->position());
}

void Minimap::mouseMoveEvent(QMouseEvent* event)
{
    if (event->buttons() & Qt::LeftButton)
        lookAt(event->position());
}

void Minimap::wheelEvent(QWheelEvent* event)
{
    m_view.zoomBy(event->angleDelta().y() > 0 ? 1.15 : 1 / 1.15);
}

} // namespace gradloom::widgets
