#include "widgets/canvas/canvas_scene.h"

#include "widgets/canvas/connection_drag.h"
#include "widgets/model/graph_text.h"
#include "widgets/theme/theme.h"

#include "engine/graph/expand.h"
#include "engine/graph/ports.h"

#include <QGraphicsSceneMouseEvent>

#include <algorithm>
#include <cmath>
#include <set>

namespace gradloom::widgets {

namespace {

QString withHelp(const std::string& name, const std::string& help)
{
    const QString text = QString::fromStdString(name);
    return help.empty() ? text : text + QStringLiteral(" – ") + QString::fromStdString(help);
}

NodeLook lookOf(const graph::Graph& graph, const graph::Analysis& analysis, const graph::Node& node)
{
    NodeLook look;
    look.id = node.id;
    const auto* type = layers::layerTypes().find(node.type);
    if (!type) {
        look.title = QString::fromStdString(node.type);
        return look;
    }
    look.title = QString::fromStdString(type->title);
    look.category = type->category;
    const int inputs = graph::inputPorts(graph, node);
    for (int i = 0; i < inputs; ++i) {
        const auto declared = std::min(static_cast<size_t>(i), type->inputs.size() - 1);
        look.inputs << withHelp(graph::inputPortName(node, i), type->inputs[declared].help);
    }
    for (const auto& port : type->outputs)
        look.outputs << withHelp(port.name, port.help);
    const auto known = analysis.nodes.find(node.id);
    if (known != analysis.nodes.end()) {
        const auto& info = known->second;
        if (type->summary)
            look.summary = QString::fromStdString(type->summary(info.params));
        look.count = countText(info);
        if (look.summary.isEmpty() && look.count.isEmpty() && !info.outputs.empty())
            look.summary = shapeText(info.outputs[0]);
    }
    for (const auto& problem : analysis.problems)
        if (problem.node == node.id && problem.group.empty() &&
            (look.problem.isEmpty() || (look.warning && !problem.warning))) {
            look.problem = QString::fromStdString(problem.message);
            look.warning = problem.warning;
        }
    return look;
}

} // namespace

CanvasScene::CanvasScene(GraphModel& model, QObject* parent) : QGraphicsScene(parent), m_model(model)
{
    // Room in every direction, so that panning never meets an edge.
    setSceneRect(-20000, -20000, 40000, 40000);
    setItemIndexMethod(NoIndex);
    connect(&model, &GraphModel::graphChanged, this, &CanvasScene::syncGraph);
    connect(&model, &GraphModel::analysisChanged, this, &CanvasScene::syncAnalysis);
    connect(this, &QGraphicsScene::selectionChanged, this, [this] {
        if (m_syncing)
            return;
        refreshTouched();
        Q_EMIT nodeSelectionChanged();
    });
    connect(&theme(), &Theme::changed, this, [this] { update(); });
    syncGraph();
    syncAnalysis();
}

CanvasScene::~CanvasScene()
{
    m_connection.reset();
    m_syncing = true; // items that go tell the scene about it
}

NodeItem* CanvasScene::node(const std::string& id) const
{
    const auto it = m_nodes.find(id);
    return it == m_nodes.end() ? nullptr : it->second;
}

EdgeItem* CanvasScene::edge(const graph::Edge& edge) const
{
    const auto it = std::find_if(
        m_edges.begin(), m_edges.end(), [&](const EdgeItem* item) { return item->edge() == edge; });
    return it == m_edges.end() ? nullptr : *it;
}

std::vector<NodeItem*> CanvasScene::nodes() const
{
    std::vector<NodeItem*> all;
    for (const auto& [id, item] : m_nodes)
        all.push_back(item);
    return all;
}

NodeItem* CanvasScene::nodeAt(QPointF place) const
{
    for (auto* item : items(place))
        if (auto* node = qgraphicsitem_cast<NodeItem*>(item))
            return node;
    return nullptr;
}

EdgeItem* CanvasScene::edgeAt(QPointF place, double reach) const
{
    const QRectF around(place - QPointF(reach, reach), QSizeF(2 * reach, 2 * reach));
    for (auto* item : items(around))
        if (auto* edge = qgraphicsitem_cast<EdgeItem*>(item))
            return edge;
    return nullptr;
}

QRectF CanvasScene::nodesRect() const
{
    QRectF all;
    for (const auto& [id, item] : m_nodes)
        if (!item->isFolded())
            all |= item->cardRect().translated(item->pos());
    for (const auto* item : m_edges)
        if (item->isVisible())
            all |= item->course().path.boundingRect();
    for (const auto& [id, item] : m_groups)
        all |= item->area();
    return all;
}

QSizeF CanvasScene::sizeOf(const std::string& id) const
{
    const NodeItem* item = node(id);
    return item ? item->size() : QSizeF(120, 60);
}

std::vector<std::string> CanvasScene::selectedNodes() const
{
    std::vector<std::string> chosen;
    for (const auto& node : m_model.graph().nodes)
        if (const NodeItem* item = this->node(node.id); item && item->isSelected())
            chosen.push_back(node.id);
    return chosen;
}

std::vector<graph::Edge> CanvasScene::selectedEdges() const
{
    std::vector<graph::Edge> chosen;
    for (const auto* item : m_edges)
        if (item->isSelected())
            chosen.push_back(item->edge());
    return chosen;
}

void CanvasScene::selectNodes(const std::vector<std::string>& ids)
{
    m_syncing = true;
    clearSelection();
    for (const auto& id : ids) {
        NodeItem* item = node(id);
        const graph::Group* folded = item && item->isFolded() ? m_model.graph().groupOf(id) : nullptr;
        if (GroupItem* block = folded ? group(folded->id) : nullptr)
            block->setSelected(true);
        else if (item)
            item->setSelected(true);
    }
    m_syncing = false;
    refreshTouched();
    Q_EMIT nodeSelectionChanged();
}

void CanvasScene::setActivation(const std::string& id, const QImage& strip)
{
    NodeItem* item = node(id);
    if (!item)
        return;
    const QSizeF before = item->size();
    item->setActivation(strip);
    if (item->size() != before || item->isFolded())
        arrange();
}

void CanvasScene::clearActivations()
{
    for (const auto& [id, item] : m_nodes)
        item->setActivation({});
    arrange();
}

void CanvasScene::syncGraph()
{
    m_connection.reset();
    m_moving.reset();
    m_stillFrames.clear();
    m_syncing = true;
    const auto selectedBefore = selectedItems().size();
    syncNodes();
    syncEdges();
    syncGroups();
    arrange();
    m_syncing = false;
    refreshTouched();
    if (selectedBefore != selectedItems().size())
        Q_EMIT nodeSelectionChanged();
}

void CanvasScene::syncNodes()
{
    const auto& graph = m_model.graph();
    std::vector<std::pair<std::string, NodeItem*>> gone;
    for (const auto& [id, item] : m_nodes)
        if (!graph.find(id))
            gone.emplace_back(id, item);
    for (const auto& node : graph.nodes) {
        const QPointF place(node.position.x, node.position.y);
        NodeItem* item = this->node(node.id);
        if (!item) {
            // A renamed node keeps its item, and with it selection and activation.
            const auto renamed = std::find_if(gone.begin(), gone.end(), [&](const auto& entry) {
                return entry.second->pos() == place &&
                       entry.second->look().title == lookOf(graph, m_model.analysis(), node).title;
            });
            if (renamed != gone.end()) {
                item = renamed->second;
                m_nodes.erase(renamed->first);
                gone.erase(renamed);
            } else {
                item = new NodeItem(lookOf(graph, m_model.analysis(), node));
                addItem(item);
            }
            m_nodes[node.id] = item;
        }
        item->setPos(place);
    }
    for (const auto& [id, item] : gone) {
        m_nodes.erase(id);
        delete item;
    }
}

void CanvasScene::syncEdges()
{
    const auto& edges = m_model.graph().edges;
    std::vector<EdgeItem*> kept;
    for (auto* item : m_edges) {
        if (std::find(edges.begin(), edges.end(), item->edge()) == edges.end())
            delete item;
        else
            kept.push_back(item);
    }
    m_edges = std::move(kept);
    for (const auto& edge : edges)
        if (!this->edge(edge)) {
            m_edges.push_back(new EdgeItem(edge));
            addItem(m_edges.back());
        }
}

void CanvasScene::syncAnalysis()
{
    const auto& graph = m_model.graph();
    const auto& analysis = m_model.analysis();
    for (const auto& node : graph.nodes)
        if (NodeItem* item = this->node(node.id))
            item->setLook(lookOf(graph, analysis, node));
    for (auto* item : m_edges) {
        QString label;
        auto known = analysis.expandedNodes.find(graph::sourceOf(graph, item->edge()));
        if (known == analysis.expandedNodes.end()) // of a block that cannot be repeated
            known = analysis.expandedNodes.find(item->edge().from);
        const auto port = static_cast<size_t>(item->edge().fromPort);
        if (known != analysis.expandedNodes.end() && port < known->second.outputs.size())
            label = shapeText(known->second.outputs[port]);
        item->setLabel(label);
    }
    syncGroups();
    arrange();
    Q_EMIT sceneSynced();
}

QRectF CanvasScene::coverOf(const std::string& id) const
{
    const NodeItem* item = node(id);
    if (!item)
        return {};
    const graph::Group* group = item->isFolded() ? m_model.graph().groupOf(id) : nullptr;
    const GroupItem* block = group ? this->group(group->id) : nullptr;
    return block ? block->area() : item->cardRect().translated(item->pos());
}

double CanvasScene::channelBetween(const NodeItem& from, const NodeItem& to) const
{
    const QRectF source = coverOf(from.id());
    const QRectF target = coverOf(to.id());
    if (source.bottom() > target.top()) {
        if (target.bottom() < source.top())
            return (target.bottom() + source.top()) / 2;
        return std::max(source.bottom(), target.bottom()) + 30;
    }
    // In the widest space between the rows that neither a tall picture nor a frame takes.
    std::vector<std::pair<double, double>> taken;
    const auto avoid = [&](const QRectF& area) {
        if (area.right() > target.left() && area.left() < source.right() && area.top() < target.top())
            taken.emplace_back(area.top(), area.bottom());
    };
    for (const auto& [id, item] : m_nodes)
        avoid(coverOf(id));
    const graph::Group* own = m_model.graph().groupOf(from.id());
    const bool within = own && own == m_model.graph().groupOf(to.id());
    for (const auto& [id, frame] : m_groups)
        if (!within || id != own->id)
            avoid(frame->area());
    std::sort(taken.begin(), taken.end());
    taken.emplace_back(target.top(), target.top());
    double reached = source.bottom(), widest = 0;
    double channel = (source.bottom() + target.top()) / 2;
    for (const auto& [top, bottom] : taken) {
        const double space = std::min(top, target.top()) - reached;
        if (space > widest) {
            widest = space;
            channel = reached + space / 2;
        }
        reached = std::max(reached, bottom);
    }
    return channel;
}

void CanvasScene::placeEdges()
{
    for (auto* item : m_edges) {
        const NodeItem* from = node(item->edge().from);
        const NodeItem* to = node(item->edge().to);
        if (!from || !to)
            continue;
        const bool folded = from->isFolded() && to->isFolded() && isInside(item->edge());
        item->setVisible(!folded);
        if (folded)
            continue;
        const QPointF start = from->portPosition({true, item->edge().fromPort});
        const QPointF end = to->portPosition({false, item->edge().toPort});
        item->setCourse(edgeCourse(start, end, turnsBack(start, end) ? channelBetween(*from, *to) : 0));
    }
}

void CanvasScene::refreshTouched()
{
    const auto chosen = chosenNodes();
    const std::set<std::string> touched(chosen.begin(), chosen.end());
    for (auto* item : m_edges)
        item->setTouched(touched.count(item->edge().from) || touched.count(item->edge().to));
}

void CanvasScene::nodeChanged(NodeItem&)
{
    if (!m_syncing)
        arrange();
}

bool CanvasScene::edit(const graph::GraphEdit& edit, QPointF place, const QString& mergeKey)
{
    const Status status = m_model.edit(edit, mergeKey);
    if (!status)
        Q_EMIT refused(QString::fromStdString(status.error().message), place);
    return status.ok();
}

bool CanvasScene::isConnecting() const
{
    return m_connection != nullptr;
}

void CanvasScene::cancelConnection()
{
    m_connection.reset();
    Q_EMIT refusalEnded();
}

void CanvasScene::mousePressEvent(QGraphicsSceneMouseEvent* event)
{
    Q_EMIT refusalEnded();
    if (event->button() == Qt::LeftButton)
        for (auto* item : nodes())
            if (const PortRef port = item->portAt(event->scenePos()); port.valid()) {
                m_connection = std::make_unique<ConnectionDrag>(*this, *item, port);
                event->accept();
                return;
            }
    if (event->button() == Qt::RightButton && nodeAt(event->scenePos())) {
        // The menu is for what is under the pointer, unless that is already part of the selection.
        if (auto* item = nodeAt(event->scenePos()); !item->isSelected())
            selectNodes({item->id()});
        event->accept();
        return;
    }
    if (pressGroup(event))
        return;
    m_draggingNodes = event->button() == Qt::LeftButton && nodeAt(event->scenePos());
    QGraphicsScene::mousePressEvent(event);
}

void CanvasScene::mouseMoveEvent(QGraphicsSceneMouseEvent* event)
{
    if (m_connection) {
        m_connection->moveTo(event->scenePos());
        return;
    }
    if (m_moving && event->buttons() & Qt::LeftButton) {
        moveChosen(event->scenePos());
        return;
    }
    if (m_draggingNodes)
        followDrag();
    QGraphicsScene::mouseMoveEvent(event);
    if (m_draggingNodes)
        followDrag();
}

void CanvasScene::mouseReleaseEvent(QGraphicsSceneMouseEvent* event)
{
    if (m_connection && event->button() == Qt::LeftButton) {
        // The edit syncs the scene, which ends any drag: it must already be out of the way.
        const auto connection = std::move(m_connection);
        const auto open = connection->drop(event->scenePos());
        if (open)
            Q_EMIT openConnectionDropped(*open, event->scenePos());
        return;
    }
    if (m_moving && event->button() == Qt::LeftButton) {
        endDrag();
        event->accept();
        return;
    }
    QGraphicsScene::mouseReleaseEvent(event);
    if (m_draggingNodes && event->button() == Qt::LeftButton)
        endDrag();
}

void CanvasScene::mouseDoubleClickEvent(QGraphicsSceneMouseEvent* event)
{
    auto* item = nodeAt(event->scenePos());
    GroupItem* group = item ? nullptr : groupAt(event->scenePos());
    if (group && event->button() == Qt::LeftButton) {
        const auto part = group->partAt(event->scenePos());
        if (part == GroupItem::Part::Title)
            Q_EMIT groupEditRequested(group->id(), part);
        else
            pressGroup(event);
        event->accept();
        return;
    }
    if (item && !item->portAt(event->scenePos()).valid())
        Q_EMIT nodeActivated(item->id());
    QGraphicsScene::mouseDoubleClickEvent(event);
}

} // namespace gradloom::widgets
