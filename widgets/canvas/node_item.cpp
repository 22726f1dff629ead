#include "widgets/canvas/node_item.h"

#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/card_look.h"
#include "widgets/theme/theme.h"

#include <QCursor>
#include <QFontMetricsF>
#include <QGraphicsSceneHoverEvent>
#include <QPainter>

#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double padding = 12;
constexpr double minimumWidth = 100;
constexpr double activationTop = 56;

double roundedUp(double value)
{
    return std::ceil(value / NodeItem::snap) * NodeItem::snap;
}

QRectF textLine(double centre, double width)
{
    return {padding, centre - 10, width - 2 * padding, 20};
}

} // namespace

NodeItem::NodeItem(NodeLook look)
{
    setFlags(ItemIsMovable | ItemIsSelectable | ItemSendsGeometryChanges);
    setAcceptHoverEvents(true);
    setZValue(1);
    setLook(std::move(look));
}

void NodeItem::setLook(NodeLook look)
{
    if (look == m_look && !m_size.isEmpty())
        return;
    m_look = std::move(look);
    m_inputMarks.assign(static_cast<size_t>(m_look.inputs.size()), PortMark::Plain);
    m_outputMarks.assign(static_cast<size_t>(m_look.outputs.size()), PortMark::Plain);
    layOut();
}

void NodeItem::setActivation(const QImage& image)
{
    const bool sameShape = image.size() == m_activation.size();
    m_activation = image;
    if (!sameShape)
        layOut();
    update(m_activationRect);
}

void NodeItem::layOut()
{
    prepareGeometryChange();
    const QFontMetricsF title(cardTitleFont());
    const QFontMetricsF detail(cardDetailFont());
    double details = detail.horizontalAdvance(m_look.summary);
    if (!m_look.count.isEmpty())
        details += detail.horizontalAdvance(m_look.count) + (m_look.summary.isEmpty() ? 0 : 18);
    const double header = 16 + title.horizontalAdvance(m_look.title);
    const double width = roundedUp(std::max({minimumWidth, details + 2 * padding, header + 2 * padding}));

    const auto ports = std::max(m_look.inputs.size(), m_look.outputs.size());
    double height = std::max(cardHeight, cardFirstPort + cardPortPitch * static_cast<double>(ports - 1) + 18);
    m_activationRect = {};
    if (!m_activation.isNull()) {
        const double room = width - 2 * padding;
        double drawn = room * m_activation.height() / std::max(1, m_activation.width());
        double drawnWidth = room;
        if (drawn > cardLargestPicture) {
            drawnWidth = room * cardLargestPicture / drawn;
            drawn = cardLargestPicture;
        }
        drawn = std::max(drawn, cardFlattestStrip);
        const double top = std::max(activationTop, height - 2);
        m_activationRect = QRectF(padding + (room - drawnWidth) / 2, top, drawnWidth, drawn);
        height = m_activationRect.bottom() + padding;
    }
    m_size = QSizeF(width, height);

    m_card = QPainterPath();
    m_card.addRoundedRect(cardRect(), cardRadius, cardRadius);
    QPainterPath below;
    below.addRoundedRect(cardRect().adjusted(0, cardTopEdge, 0, cardTopEdge + cardRadius), cardRadius, cardRadius);
    m_topEdge = m_card.subtracted(below);
    update();
}

QPointF NodeItem::localPort(PortRef port) const
{
    return {port.output ? m_size.width() : 0, cardFirstPort + cardPortPitch * port.index};
}

void NodeItem::fold(std::vector<FoldedPort> ports)
{
    m_folded = true;
    m_foldedPorts = std::move(ports);
    setVisible(false);
}

void NodeItem::unfold()
{
    m_folded = false;
    m_foldedPorts.clear();
    setVisible(true);
}

QPointF NodeItem::portPosition(PortRef port) const
{
    for (const auto& [folded, place] : m_foldedPorts)
        if (folded == port)
            return place;
    return mapToScene(localPort(port));
}

PortRef NodeItem::portAt(QPointF scenePosition, double reach) const
{
    PortRef best;
    double nearest = reach;
    const auto look = [&](PortRef port) {
        const double distance = QLineF(scenePosition, portPosition(port)).length();
        if (distance <= nearest) {
            nearest = distance;
            best = port;
        }
    };
    for (const auto& [port, place] : m_foldedPorts)
        look(port);
    if (m_folded)
        return best;
    for (int i = 0; i < m_look.inputs.size(); ++i)
        look({false, i});
    for (int i = 0; i < m_look.outputs.size(); ++i)
        look({true, i});
    return best;
}

void NodeItem::setPortMark(PortRef port, PortMark mark)
{
    auto& marks = port.output ? m_outputMarks : m_inputMarks;
    if (port.index < 0 || static_cast<size_t>(port.index) >= marks.size())
        return;
    marks[static_cast<size_t>(port.index)] = mark;
    update();
}

void NodeItem::clearPortMarks()
{
    for (auto* marks : {&m_inputMarks, &m_outputMarks})
        std::fill(marks->begin(), marks->end(), PortMark::Plain);
    update();
}

NodeItem::PortMark NodeItem::portMark(PortRef port) const
{
    const auto& marks = port.output ? m_outputMarks : m_inputMarks;
    const auto index = static_cast<size_t>(port.index);
    return port.index >= 0 && index < marks.size() ? marks[index] : PortMark::Plain;
}

QRectF NodeItem::boundingRect() const
{
    return cardRect().adjusted(-14, -14, 14, 18);
}

QPainterPath NodeItem::shape() const
{
    QPainterPath path = m_card;
    for (int i = 0; i < m_look.inputs.size(); ++i)
        path.addEllipse(localPort({false, i}), 8, 8);
    for (int i = 0; i < m_look.outputs.size(); ++i)
        path.addEllipse(localPort({true, i}), 8, 8);
    path.setFillRule(Qt::WindingFill);
    return path;
}

void NodeItem::paint(QPainter* painter, const QStyleOptionGraphicsItem*, QWidget*)
{
    painter->setRenderHint(QPainter::Antialiasing);
    paintCard(painter);
    paintTexts(painter);
    if (!m_activation.isNull()) {
        QPainterPath clip;
        clip.addRoundedRect(m_activationRect, 4, 4);
        painter->save();
        painter->setClipPath(clip, Qt::IntersectClip);
        // Pixels stay pixels: a smoothed 28×28 picture hides what the network really sees.
        painter->setRenderHint(
            QPainter::SmoothPixmapTransform, m_activation.width() > 2 * m_activationRect.width());
        painter->drawImage(m_activationRect, m_activation);
        painter->restore();
    }
    paintPorts(painter);
    if (!m_look.problem.isEmpty())
        paintBadge(painter);
}

void NodeItem::paintCard(QPainter* painter) const
{
    const Theme& colours = theme();
    painter->setPen(Qt::NoPen);
    QColor shadow = colours.color(Role::Shadow);
    shadow.setAlphaF(shadow.alphaF() / 6);
    painter->setBrush(shadow);
    for (double grow : {7.0, 5.0, 3.5, 2.0, 0.5})
        painter->drawRoundedRect(
            cardRect().adjusted(-grow, -grow + 4, grow, grow + 4), cardRadius + grow, cardRadius + grow);

    QColor border = colours.color(Role::Border);
    double width = 1;
    if (!m_look.problem.isEmpty())
        border = colours.color(m_look.warning ? Role::Warning : Role::Error), width = 1.6;
    else if (m_hovered)
        border = mixed(border, colours.color(Role::Text), 0.25);
    if (isSelected()) {
        border = colours.color(Role::Accent);
        width = 2;
        QColor glow = border;
        glow.setAlphaF(0.16F);
        painter->setBrush(Qt::NoBrush);
        for (double spread : {9.0, 5.0}) {
            painter->setPen(QPen(glow, spread));
            painter->drawPath(m_card);
        }
    }
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.color(Role::Panel));
    painter->drawPath(m_card);
    painter->setPen(QPen(border, width));
    painter->setBrush(Qt::NoBrush);
    const double inset = isSelected() ? 0 : 0.5;
    painter->drawRoundedRect(cardRect().adjusted(inset, inset, -inset, -inset), cardRadius, cardRadius);
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.category(m_look.category));
    painter->drawPath(m_topEdge);
}

void NodeItem::paintTexts(QPainter* painter) const
{
    const Theme& colours = theme();
    painter->setBrush(colours.category(m_look.category));
    painter->setPen(Qt::NoPen);
    painter->drawRoundedRect(QRectF(padding, cardTitleCentre - 4.5, 9, 9), 2.5, 2.5);
    painter->setFont(cardTitleFont());
    painter->setPen(colours.color(Role::Text));
    painter->drawText(
        textLine(cardTitleCentre, m_size.width()).adjusted(16, 0, 8, 0), Qt::AlignVCenter, m_look.title);
    painter->setFont(cardDetailFont());
    painter->setPen(colours.color(Role::TextDim));
    const QRectF line = textLine(cardDetailCentre, m_size.width());
    painter->drawText(line, Qt::AlignVCenter | Qt::AlignLeft, m_look.summary);
    painter->drawText(line, Qt::AlignVCenter | Qt::AlignRight, m_look.count);
}

void NodeItem::paintPorts(QPainter* painter) const
{
    const Theme& colours = theme();
    const auto draw = [&](PortRef port) {
        const PortMark mark = portMark(port);
        QColor ring = colours.color(Role::TextDim);
        QColor inside = colours.color(Role::Background);
        double size = portRadius;
        if (mark == PortMark::Possible || mark == PortMark::Target)
            ring = colours.color(Role::Accent);
        if (mark == PortMark::Target) {
            inside = ring;
            size += 2;
        }
        if (mark == PortMark::Impossible)
            ring = colours.color(Role::Border);
        painter->setPen(QPen(ring, 2));
        painter->setBrush(inside);
        painter->drawEllipse(localPort(port), size, size);
    };
    for (int i = 0; i < m_look.inputs.size(); ++i)
        draw({false, i});
    for (int i = 0; i < m_look.outputs.size(); ++i)
        draw({true, i});
}

void NodeItem::paintBadge(QPainter* painter) const
{
    const QPointF centre(m_size.width() - 4, 2);
    const QColor colour = theme().color(m_look.warning ? Role::Warning : Role::Error);
    painter->setPen(QPen(theme().color(Role::Background), 2));
    painter->setBrush(colour);
    painter->drawEllipse(centre, 9, 9);
    painter->setPen(QPen(theme().color(Role::Background), 2, Qt::SolidLine, Qt::RoundCap));
    painter->drawLine(centre + QPointF(0, -4), centre + QPointF(0, 0.8));
    painter->drawPoint(centre + QPointF(0, 4.2));
}

QVariant NodeItem::itemChange(GraphicsItemChange change, const QVariant& value)
{
    auto* canvas = static_cast<CanvasScene*>(scene());
    if (change == ItemPositionChange && canvas && canvas->isDragging()) {
        const QPointF place = value.toPointF();
        return QPointF(std::round(place.x() / snap) * snap, std::round(place.y() / snap) * snap);
    }
    if (canvas && (change == ItemPositionHasChanged || change == ItemSelectedHasChanged))
        canvas->nodeChanged(*this);
    return QGraphicsItem::itemChange(change, value);
}

void NodeItem::hoverEnterEvent(QGraphicsSceneHoverEvent*)
{
    m_hovered = true;
    update();
}

void NodeItem::hoverMoveEvent(QGraphicsSceneHoverEvent* event)
{
    const PortRef port = portAt(event->scenePos());
    setCursor(port.valid() ? Qt::CrossCursor : Qt::ArrowCursor);
    QString tip = m_look.problem;
    if (port.valid())
        tip = (port.output ? m_look.outputs : m_look.inputs).value(port.index);
    setToolTip(tip);
}

void NodeItem::hoverLeaveEvent(QGraphicsSceneHoverEvent*)
{
    m_hovered = false;
    update();
}

} // namespace gradloom::widgets
