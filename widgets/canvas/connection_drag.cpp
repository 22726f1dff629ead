#include "widgets/canvas/connection_drag.h"

#include "widgets/canvas/canvas_scene.h"
#include "widgets/theme/theme.h"

#include <QPen>

namespace gradloom::widgets {

using graph::Edge;

ConnectionDrag::ConnectionDrag(CanvasScene& scene, NodeItem& node, PortRef port)
    : m_scene(scene), m_node(node.id()), m_port(port)
{
    if (!port.output)
        if (const Edge* existing = scene.model().graph().edgeInto(node.id(), port.index)) {
            m_pickedUp = *existing;
            m_node = existing->from;
            m_port = {true, existing->fromPort};
            if (auto* item = scene.edge(*existing))
                item->setVisible(false);
        }
    m_line.setZValue(3);
    scene.addItem(&m_line);
    markPorts();
    moveTo(node.portPosition(port));
}

ConnectionDrag::~ConnectionDrag()
{
    m_scene.removeItem(&m_line);
    for (auto* node : m_scene.nodes())
        node->clearPortMarks();
    for (auto* group : m_scene.groups())
        group->update();
    if (m_pickedUp)
        if (auto* item = m_scene.edge(*m_pickedUp))
            item->setVisible(true);
}

void ConnectionDrag::markPorts()
{
    for (auto* node : m_scene.nodes()) {
        for (bool output : {false, true}) {
            const auto count = (output ? node->look().outputs : node->look().inputs).size();
            for (int i = 0; i < count; ++i) {
                const PortRef port{output, i};
                const bool possible = refusal({node, port}).isEmpty();
                node->setPortMark(
                    port, possible ? NodeItem::PortMark::Possible : NodeItem::PortMark::Impossible);
            }
        }
    }
    if (auto* node = m_scene.node(m_node))
        node->setPortMark(m_port, NodeItem::PortMark::Target);
    for (auto* group : m_scene.groups()) // blocks show the marks of the ports that stick out of them
        group->update();
}

ConnectionDrag::Target ConnectionDrag::targetAt(QPointF place) const
{
    for (auto* node : m_scene.nodes())
        if (const PortRef port = node->portAt(place, 16); port.valid())
            return {node, port};
    // Dropped on a node's body, or on a block's, the first port that fits is meant.
    NodeItem* body = m_scene.nodeAt(place);
    if (!body)
        return targetInBlock(place);
    if (body->id() == m_node)
        return {};
    const auto& ports = m_port.output ? body->look().inputs : body->look().outputs;
    std::optional<PortRef> occupied;
    for (int i = 0; i < ports.size(); ++i) {
        const PortRef port{!m_port.output, i};
        if (!refusal({body, port}).isEmpty())
            continue;
        if (port.output || !m_scene.model().graph().edgeInto(body->id(), i))
            return {body, port};
        occupied = occupied.value_or(port);
    }
    return {body, occupied.value_or(PortRef{!m_port.output, ports.isEmpty() ? -1 : 0})};
}

ConnectionDrag::Target ConnectionDrag::targetInBlock(QPointF place) const
{
    const GroupItem* block = m_scene.groupAt(place);
    if (!block || !block->isBlock())
        return {};
    for (const BlockPort& port : block->ports())
        if (const Target target{m_scene.node(port.node), port.port};
            target.node && port.port.output != m_port.output && refusal(target).isEmpty())
            return target;
    return {};
}

Edge ConnectionDrag::edgeTo(const Target& target) const
{
    if (m_port.output)
        return {m_node, m_port.index, target.node->id(), target.port.index};
    return {target.node->id(), target.port.index, m_node, m_port.index};
}

QString ConnectionDrag::refusal(const Target& target) const
{
    if (target.node->id() == m_node && target.port == m_port)
        return {};
    if (!target.port.valid())
        return m_port.output ? CanvasScene::tr("This layer takes no input.")
                             : CanvasScene::tr("This layer has no output.");
    if (target.port.output == m_port.output)
        return m_port.output ? CanvasScene::tr("An output connects to an input; this is another output.")
                             : CanvasScene::tr("An input connects to an output; this is another input.");
    const Edge edge = edgeTo(target);
    if (m_pickedUp && edge == *m_pickedUp)
        return {};
    const Status status = graph::canConnect(m_scene.model().graph(), edge);
    return status ? QString() : QString::fromStdString(status.error().message);
}

void ConnectionDrag::moveTo(QPointF place)
{
    NodeItem* fixed = m_scene.node(m_node);
    if (!fixed)
        return;
    const Target target = targetAt(place);
    const bool itself = target.node && target.node->id() == m_node && target.port == m_port;
    const QString reason = target.node && !itself ? refusal(target) : QString();
    const bool snapped = target.node && target.port.valid() && !itself && reason.isEmpty();
    if (target.node != m_target.node || !(target.port == m_target.port)) {
        m_target = target;
        markPorts();
        if (snapped)
            target.node->setPortMark(target.port, NodeItem::PortMark::Target);
    }
    if (reason.isEmpty())
        Q_EMIT m_scene.refusalEnded();
    else
        Q_EMIT m_scene.refused(reason, place);

    const QPointF loose = snapped ? target.node->portPosition(target.port) : place;
    const QPointF start = fixed->portPosition(m_port);
    const QPointF from = m_port.output ? start : loose;
    const QPointF to = m_port.output ? loose : start;
    m_line.setPath(edgeCourse(from, to, (from.y() + to.y()) / 2).path);
    const Role role = reason.isEmpty() ? Role::Accent : Role::Error;
    m_line.setPen(QPen(theme().color(role), 2, snapped ? Qt::SolidLine : Qt::DashLine, Qt::RoundCap));
}

std::optional<Edge> ConnectionDrag::drop(QPointF place)
{
    const Target target = targetAt(place);
    if (!target.node) {
        if (m_pickedUp) {
            m_scene.edit(
                {graph::RemoveEdge{*m_pickedUp}, CanvasScene::tr("Delete connection").toStdString()}, place);
            return std::nullopt;
        }
        return m_port.output ? Edge{m_node, m_port.index, {}, 0} : Edge{{}, 0, m_node, m_port.index};
    }
    if (target.node->id() == m_node && target.port == m_port)
        return std::nullopt;
    const QString reason = refusal(target);
    if (!reason.isEmpty()) {
        Q_EMIT m_scene.refused(reason, place);
        return std::nullopt;
    }
    const Edge edge = edgeTo(target);
    if (m_pickedUp && edge == *m_pickedUp)
        return std::nullopt;
    std::vector<graph::GraphEdit> edits;
    if (m_pickedUp)
        edits.push_back({graph::RemoveEdge{*m_pickedUp}, {}});
    edits.push_back({graph::AddEdge{edge}, {}});
    m_scene.edit({graph::Composite{std::move(edits)}, CanvasScene::tr("Connect").toStdString()}, place);
    return std::nullopt;
}

} // namespace gradloom::widgets
