#include "widgets/canvas/group_item.h"

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/card_look.h"
#include "widgets/model/graph_actions.h"
#include "widgets/theme/theme.h"

#include <QCursor>
#include <QFontMetricsF>
#include <QGraphicsSceneHoverEvent>
#include <QPainter>

#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double padding = 12;
constexpr double frameRadius = 14;
constexpr double foldSize = 16;
constexpr double pillHeight = 18;
constexpr double smallestBlock = 150;
constexpr double stackStep = 5;

QFont pillFont()
{
    return cardFont(11, QFont::DemiBold);
}

QString repeatText(int repeat)
{
    return QStringLiteral("× %1").arg(repeat);
}

QColor withAlpha(QColor color, double alpha)
{
    color.setAlphaF(static_cast<float>(alpha));
    return color;
}

} // namespace

GroupItem::GroupItem(GroupLook look)
{
    setFlag(ItemIsSelectable);
    setAcceptHoverEvents(true);
    // The scene handles the mouse: within a frame a press belongs to what lies in it, or to the canvas.
    setAcceptedMouseButtons(Qt::NoButton);
    setLook(std::move(look));
}

void GroupItem::setLook(GroupLook look)
{
    if (look == m_look)
        return;
    m_look = std::move(look);
    setZValue(m_look.collapsed ? 1 : -1);
    layOut();
}

void GroupItem::surround(const QRectF& content)
{
    m_ports.clear();
    m_strip = {};
    place(content.adjusted(-frameMargin, -frameHeader, frameMargin, frameMargin));
}

void GroupItem::stand(QPointF at, std::vector<BlockPort> ports, const QImage& activation)
{
    if (ports != m_ports) {
        m_ports = std::move(ports);
        layOut();
    }
    int rows = 1;
    for (const BlockPort& port : m_ports)
        rows = std::max(rows, port.row + 1);
    const QFontMetricsF detail(cardDetailFont());
    const double details =
        detail.horizontalAdvance(m_look.layers) + detail.horizontalAdvance(m_look.count) + 24;
    const double header = m_title.right() + 10 + m_repeat.width() + padding + 4;
    const double wide =
        std::ceil(std::max({smallestBlock, details + 2 * padding, header}) / NodeItem::snap) * NodeItem::snap;
    double high = std::max(cardHeight, cardFirstPort + cardPortPitch * (rows - 1) + 18);
    m_activation = activation;
    m_strip = {};
    if (!activation.isNull()) {
        const double room = wide - 2 * padding;
        const double strip = room * activation.height() / std::max(1, activation.width());
        m_strip = QRectF(padding, high - 2, room, std::clamp(strip, cardFlattestStrip, cardLargestPicture));
        high = m_strip.bottom() + padding;
    }
    place({at, QSizeF(wide, high)});
    update();
}

void GroupItem::place(const QRectF& area)
{
    if (area == this->area())
        return;
    prepareGeometryChange();
    m_size = area.size();
    setPos(area.topLeft());
    layOut();
}

void GroupItem::layOut()
{
    const QFontMetricsF title(cardTitleFont());
    const QFontMetricsF pill(pillFont());
    const double middle = cardTitleCentre;
    m_fold = QRectF(padding - 3, middle - foldSize / 2, foldSize, foldSize);
    const double pillWidth = std::ceil(pill.horizontalAdvance(repeatText(m_look.repeat))) + 14;
    // A frame's title ends where its pill begins; a block is as wide as its title needs.
    const double left = m_fold.right() + 6;
    const double needed = std::ceil(title.horizontalAdvance(m_look.title));
    const double room = m_look.collapsed ? needed : std::max(40.0, width() - left - pillWidth - 26);
    m_title = QRectF(left, middle - 10, std::min(needed, room), 20);
    const double pillLeft = m_look.collapsed ? width() - padding - pillWidth - 4 : m_title.right() + 10;
    m_repeat = QRectF(pillLeft, middle - pillHeight / 2, pillWidth, pillHeight);
    update();
}

QPointF GroupItem::portPosition(const BlockPort& port) const
{
    return mapToScene(QPointF(port.port.output ? width() : 0, cardFirstPort + cardPortPitch * port.row));
}

QRectF GroupItem::partRect(Part part) const
{
    switch (part) {
    case Part::None:
        return {};
    case Part::Handle:
        return m_look.collapsed ? area() : QRectF(pos(), QSizeF(width(), headerHeight));
    case Part::Title:
        return m_title.translated(pos());
    case Part::Fold:
        return m_fold.adjusted(-3, -3, 3, 3).translated(pos());
    case Part::Repeat:
        return m_repeat.adjusted(-2, -3, 2, 3).translated(pos());
    }
    return {};
}

GroupItem::Part GroupItem::partAt(QPointF scenePosition) const
{
    for (const Part part : {Part::Fold, Part::Repeat, Part::Title, Part::Handle})
        if (partRect(part).contains(scenePosition))
            return part;
    return Part::None;
}

void GroupItem::setTakesIn(bool takesIn)
{
    if (takesIn == m_takesIn)
        return;
    m_takesIn = takesIn;
    update();
}

QRectF GroupItem::boundingRect() const
{
    return QRectF(QPointF(0, 0), m_size).adjusted(-14, -14, 14 + 2 * stackStep, 18 + 2 * stackStep);
}

QPainterPath GroupItem::shape() const
{
    QPainterPath path;
    path.addRect(partRect(Part::Handle).translated(-pos()));
    return path;
}

QColor GroupItem::borderColor() const
{
    const Theme& colours = theme();
    if (isSelected() || m_takesIn)
        return colours.color(Role::Accent);
    if (!m_look.problem.isEmpty())
        return colours.color(m_look.warning ? Role::Warning : Role::Error);
    const QColor border = colours.color(Role::Border);
    return m_hovered == Part::None ? border : mixed(border, colours.color(Role::Text), 0.25);
}

void GroupItem::paint(QPainter* painter, const QStyleOptionGraphicsItem*, QWidget*)
{
    painter->setRenderHint(QPainter::Antialiasing);
    if (m_look.collapsed)
        paintBlock(painter);
    else
        paintFrame(painter);
    paintHeader(painter);
    if (m_look.repeat > 1 || isSelected() || m_hovered != Part::None)
        paintPill(painter);
    if (!m_strip.isEmpty())
        painter->drawImage(m_strip, m_activation);
    if (m_look.collapsed)
        paintPorts(painter);
    if (!m_look.problem.isEmpty())
        paintBadge(painter);
}

void GroupItem::paintFrame(QPainter* painter) const
{
    const Theme& colours = theme();
    const QRectF frame = QRectF(QPointF(0, 0), m_size).adjusted(0.5, 0.5, -0.5, -0.5);
    const QColor ground = mixed(colours.color(Role::Background), colours.color(Role::Panel), 0.55);
    // Repetitions stand behind the drawn one like cards.
    for (int i = std::min(m_look.repeat - 1, 2); i > 0; --i) {
        painter->setPen(QPen(withAlpha(colours.color(Role::Border), i == 1 ? 0.9 : 0.55), 1));
        painter->setBrush(mixed(colours.color(Role::Background), ground, 0.5));
        painter->drawRoundedRect(frame.translated(i * stackStep, i * stackStep), frameRadius, frameRadius);
    }
    const bool strong = isSelected() || m_takesIn || !m_look.problem.isEmpty();
    painter->setPen(QPen(borderColor(), strong ? 1.6 : 1, m_takesIn ? Qt::DashLine : Qt::SolidLine));
    painter->setBrush(ground);
    painter->drawRoundedRect(frame, frameRadius, frameRadius);
}

void GroupItem::paintBlock(QPainter* painter) const
{
    const Theme& colours = theme();
    const QRectF card(QPointF(0, 0), m_size);
    painter->setPen(Qt::NoPen);
    QColor shadow = colours.color(Role::Shadow);
    painter->setBrush(withAlpha(shadow, shadow.alphaF() / 6));
    for (double grow : {7.0, 5.0, 3.5, 2.0, 0.5})
        painter->drawRoundedRect(
            card.adjusted(-grow, -grow + 4, grow, grow + 4), cardRadius + grow, cardRadius + grow);
    for (int i = std::min(m_look.repeat - 1, 2); i > 0; --i) {
        painter->setPen(QPen(colours.color(Role::Border), 1));
        painter->setBrush(mixed(colours.color(Role::Panel), colours.color(Role::Background), 0.3 * i));
        painter->drawRoundedRect(card.translated(i * stackStep, i * stackStep), cardRadius, cardRadius);
    }
    if (isSelected()) {
        painter->setBrush(Qt::NoBrush);
        for (double spread : {9.0, 5.0}) {
            painter->setPen(QPen(withAlpha(colours.color(Role::Accent), 0.16), spread));
            painter->drawRoundedRect(card, cardRadius, cardRadius);
        }
    }
    const double line = isSelected() ? 2 : m_look.problem.isEmpty() ? 1 : 1.6;
    painter->setPen(QPen(borderColor(), line));
    painter->setBrush(colours.color(Role::Panel));
    painter->drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), cardRadius, cardRadius);
    QPainterPath whole, below;
    whole.addRoundedRect(card, cardRadius, cardRadius);
    below.addRoundedRect(
        card.adjusted(0, cardTopEdge, 0, cardTopEdge + cardRadius), cardRadius, cardRadius);
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.color(Role::Line));
    painter->drawPath(whole.subtracted(below));
}

void GroupItem::paintHeader(QPainter* painter) const
{
    const Theme& colours = theme();
    const bool lit = m_hovered == Part::Fold;
    if (lit) {
        painter->setPen(Qt::NoPen);
        painter->setBrush(colours.color(Role::Hover));
        painter->drawRoundedRect(m_fold.adjusted(-2, -2, 2, 2), 5, 5);
    }
    QPen arrow(
        colours.color(lit ? Role::Text : Role::TextDim), 1.8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin);
    painter->setPen(arrow);
    painter->setBrush(Qt::NoBrush);
    const QPointF c = m_fold.center();
    if (m_look.collapsed)
        painter->drawPolyline(QPolygonF{c + QPointF(-2, -4), c + QPointF(2, 0), c + QPointF(-2, 4)});
    else
        painter->drawPolyline(QPolygonF{c + QPointF(-4, -2), c + QPointF(0, 2), c + QPointF(4, -2)});

    painter->setFont(cardTitleFont());
    painter->setPen(colours.color(Role::Text));
    painter->drawText(m_title.adjusted(0, 0, 2, 0), Qt::AlignVCenter,
        QFontMetricsF(cardTitleFont()).elidedText(m_look.title, Qt::ElideRight, m_title.width() + 1));
    painter->setFont(cardDetailFont());
    painter->setPen(colours.color(Role::TextDim));
    if (m_look.collapsed) {
        const QRectF line(padding, cardDetailCentre - 10, width() - 2 * padding, 20);
        painter->drawText(line, Qt::AlignVCenter | Qt::AlignLeft, m_look.layers);
        painter->drawText(line, Qt::AlignVCenter | Qt::AlignRight, m_look.count);
        return;
    }
    const QRectF rest(m_repeat.right() + 10, cardTitleCentre - 10, width() - m_repeat.right() - 24, 20);
    if (QFontMetricsF(cardDetailFont()).horizontalAdvance(m_look.count) <= rest.width())
        painter->drawText(rest, Qt::AlignVCenter | Qt::AlignRight, m_look.count);
}

void GroupItem::paintPill(QPainter* painter) const
{
    const Theme& colours = theme();
    const bool on = m_look.repeat > 1;
    const QColor tint = on ? colours.color(Role::Accent) : colours.color(Role::TextDim);
    const bool lit = m_hovered == Part::Repeat;
    painter->setPen(QPen(withAlpha(tint, lit ? 1.0 : 0.55), 1));
    painter->setBrush(withAlpha(tint, lit ? 0.28 : on ? 0.16 : 0.05));
    painter->drawRoundedRect(m_repeat, pillHeight / 2, pillHeight / 2);
    painter->setFont(pillFont());
    painter->setPen(tint);
    painter->drawText(m_repeat, Qt::AlignCenter, repeatText(m_look.repeat));
}

void GroupItem::paintPorts(QPainter* painter) const
{
    const Theme& colours = theme();
    const auto* canvas = static_cast<CanvasScene*>(scene());
    for (const BlockPort& port : m_ports) {
        const NodeItem* node = canvas ? canvas->node(port.node) : nullptr;
        const auto mark = node ? node->portMark(port.port) : NodeItem::PortMark::Plain;
        const bool possible = mark == NodeItem::PortMark::Possible || mark == NodeItem::PortMark::Target;
        const bool target = mark == NodeItem::PortMark::Target;
        const Role ring = possible                                 ? Role::Accent
                          : mark == NodeItem::PortMark::Impossible ? Role::Border
                                                                   : Role::TextDim;
        painter->setPen(QPen(colours.color(ring), 2));
        painter->setBrush(colours.color(target ? Role::Accent : Role::Background));
        const double size = NodeItem::portRadius + (target ? 2 : 0);
        painter->drawEllipse(portPosition(port) - pos(), size, size);
    }
}

void GroupItem::paintBadge(QPainter* painter) const
{
    const QPointF centre(width() - 4, 2);
    painter->setPen(QPen(theme().color(Role::Background), 2));
    painter->setBrush(theme().color(m_look.warning ? Role::Warning : Role::Error));
    painter->drawEllipse(centre, 9, 9);
    painter->setPen(QPen(theme().color(Role::Background), 2, Qt::SolidLine, Qt::RoundCap));
    painter->drawLine(centre + QPointF(0, -4), centre + QPointF(0, 0.8));
    painter->drawPoint(centre + QPointF(0, 4.2));
}

QVariant GroupItem::itemChange(GraphicsItemChange change, const QVariant& value)
{
    if (change == ItemSelectedHasChanged)
        update();
    return QGraphicsItem::itemChange(change, value);
}

void GroupItem::hoverMoveEvent(QGraphicsSceneHoverEvent* event)
{
    const Part part = partAt(event->scenePos());
    if (part != m_hovered) {
        m_hovered = part;
        update();
    }
    setCursor(part == Part::Fold || part == Part::Repeat ? Qt::PointingHandCursor : Qt::ArrowCursor);
    QString tip = m_look.problem;
    if (part == Part::Fold)
        tip = m_look.collapsed ? CanvasScene::tr("Expand the block") : CanvasScene::tr("Collapse the block");
    if (part == Part::Repeat)
        tip = CanvasScene::tr("How often the block is repeated in a row");
    if (part == Part::Title && tip.isEmpty())
        tip = CanvasScene::tr("Double-click to rename");
    setToolTip(tip);
}

void GroupItem::hoverLeaveEvent(QGraphicsSceneHoverEvent*)
{
    m_hovered = Part::None;
    update();
}

} // namespace gradloom::widgets
