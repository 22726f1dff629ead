// Groups of the scene: frames, collapsed blocks, and nodes that are dragged into and out of them.
#include "widgets/canvas/canvas_scene.h"
#include "widgets/model/graph_text.h"

#include "engine/graph/group_edits.h"
#include "engine/graph/ports.h"

#include <QGraphicsSceneMouseEvent>

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

/// The worst that is wrong with the group, or with a node that cannot be seen in it.
void addProblem(GroupLook& look, const graph::Group& group, const graph::Analysis& analysis)
{
    for (const auto& problem : analysis.problems) {
        const bool hidden =
            group.collapsed && std::count(group.nodes.begin(), group.nodes.end(), problem.node);
        if (problem.group != group.id && !hidden)
            continue;
        if (!look.problem.isEmpty() && (!look.warning || problem.warning))
            continue;
        look.problem = QString::fromStdString(problem.message);
        look.warning = problem.warning;
    }
}

GroupLook lookOf(const graph::Group& group, const graph::Analysis& analysis)
{
    GroupLook look;
    look.id = group.id;
    look.title = QString::fromStdString(group.title.empty() ? group.id : group.title);
    look.repeat = group.repeat;
    look.collapsed = group.collapsed;
    int64_t parameters = 0;
    for (const auto& node : group.nodes)
        if (const auto info = analysis.nodes.find(node); info != analysis.nodes.end())
            parameters += info->second.parameters;
    look.count = shortCount(parameters);
    const auto layers = static_cast<int>(group.nodes.size());
    look.layers = layers == 1 ? CanvasScene::tr("1 layer") : CanvasScene::tr("%1 layers").arg(layers);
    addProblem(look, group, analysis);
    return look;
}

QPointF corner(const std::vector<const NodeItem*>& items)
{
    QPointF corner = items.front()->pos();
    for (const auto* item : items)
        corner = {std::min(corner.x(), item->x()), std::min(corner.y(), item->y())};
    return corner;
}

bool holds(const graph::Group& group, const std::string& node)
{
    return std::find(group.nodes.begin(), group.nodes.end(), node) != group.nodes.end();
}

/// Gives each result that crosses a block's border a row, in the order in which they are met.
class Rows
{
public:
    int of(const std::string& node, int port)
    {
        const std::pair key(node, port);
        const auto known = std::find(m_rows.begin(), m_rows.end(), key);
        if (known == m_rows.end()) {
            m_rows.push_back(key);
            return static_cast<int>(m_rows.size()) - 1;
        }
        return static_cast<int>(known - m_rows.begin());
    }

private:
    std::vector<std::pair<std::string, int>> m_rows;
};

/// Whether a port that nothing is connected to has to be offered at a collapsed block.
bool waitsForInput(const graph::Node& node, int port)
{
    const auto* type = graph::typeOf(node);
    if (!type)
        return false;
    return type->variadic ? port < 2 : !type->inputs[static_cast<size_t>(port)].optional;
}

} // namespace

GroupItem* CanvasScene::group(const std::string& id) const
{
    const auto it = m_groups.find(id);
    return it == m_groups.end() ? nullptr : it->second;
}

std::vector<GroupItem*> CanvasScene::groups() const
{
    std::vector<GroupItem*> all;
    for (const auto& [id, item] : m_groups)
        all.push_back(item);
    return all;
}

GroupItem* CanvasScene::groupAt(QPointF place) const
{
    for (const auto& [id, item] : m_groups)
        if (item->partAt(place) != GroupItem::Part::None)
            return item;
    return nullptr;
}

GroupItem* CanvasScene::frameAt(QPointF place) const
{
    for (const auto& [id, item] : m_groups)
        if (!item->isBlock() && item->area().contains(place))
            return item;
    return nullptr;
}

QRectF CanvasScene::areaOf(const graph::Problem& problem) const
{
    if (const GroupItem* item = group(problem.group))
        return item->area();
    return coverOf(problem.node);
}

std::vector<std::string> CanvasScene::selectedGroups() const
{
    std::vector<std::string> chosen;
    for (const auto& [id, item] : m_groups)
        if (item->isSelected())
            chosen.push_back(id);
    return chosen;
}

std::vector<std::string> CanvasScene::chosenNodes() const
{
    std::vector<std::string> chosen;
    for (const auto& node : m_model.graph().nodes) {
        const NodeItem* item = this->node(node.id);
        const graph::Group* of = m_model.graph().groupOf(node.id);
        const GroupItem* frame = of ? group(of->id) : nullptr;
        if ((item && item->isSelected()) || (frame && frame->isSelected()))
            chosen.push_back(node.id);
    }
    return chosen;
}

std::string CanvasScene::selectedGroup() const
{
    const auto chosen = selectedGroups();
    if (chosen.size() != 1)
        return {};
    const auto nodes = selectedNodes();
    const graph::Group* only = m_model.graph().findGroup(chosen[0]);
    const bool within =
        only && std::all_of(nodes.begin(), nodes.end(), [&](const auto& node) { return holds(*only, node); });
    return within ? chosen[0] : std::string();
}

void CanvasScene::selectGroups(const std::vector<std::string>& ids)
{
    m_syncing = true;
    clearSelection();
    for (const auto& id : ids)
        if (auto* item = group(id))
            item->setSelected(true);
    m_syncing = false;
    refreshTouched();
    Q_EMIT nodeSelectionChanged();
}

void CanvasScene::keepBandOffFrames()
{
    for (const auto& group : m_model.graph().groups) {
        GroupItem* frame = this->group(group.id);
        if (!frame || frame->isBlock() || !frame->isSelected())
            continue;
        const bool whole = std::all_of(group.nodes.begin(), group.nodes.end(), [&](const auto& id) {
            const NodeItem* item = node(id);
            return item && item->isSelected();
        });
        frame->setSelected(whole);
    }
}

void CanvasScene::syncGroups()
{
    const auto& graph = m_model.graph();
    std::erase_if(m_groups, [&](const auto& entry) {
        if (graph.findGroup(entry.first))
            return false;
        delete entry.second;
        return true;
    });
    for (const auto& group : graph.groups) {
        GroupLook look = lookOf(group, m_model.analysis());
        GroupItem*& item = m_groups[group.id];
        if (item) {
            item->setLook(std::move(look));
            continue;
        }
        item = new GroupItem(std::move(look));
        addItem(item);
    }
}

void CanvasScene::arrange()
{
    placeBlocks();
    placeEdges(); // frames surround the connections within them,
    placeFrames();
    placeEdges(); // and those between rows keep clear of frames
}

void CanvasScene::placeBlocks()
{
    std::set<std::string> folded;
    for (const auto& group : m_model.graph().groups) {
        GroupItem* block = this->group(group.id);
        std::vector<const NodeItem*> items;
        for (const auto& id : group.nodes)
            if (const NodeItem* item = node(id))
                items.push_back(item);
        if (!block || !group.collapsed || items.empty())
            continue;
        auto sticking = portsOf(group);
        const auto result = std::find_if(
            sticking.begin(), sticking.end(), [](const BlockPort& port) { return port.port.output; });
        const NodeItem* last = result == sticking.end() ? nullptr : node(result->node);
        const QImage activation = last ? last->activation() : QImage();
        block->stand(corner(items), std::move(sticking), activation);
        std::map<std::string, std::vector<NodeItem::FoldedPort>> ports;
        for (const BlockPort& port : block->ports())
            ports[port.node].emplace_back(port.port, block->portPosition(port));
        for (const auto& id : group.nodes)
            if (NodeItem* item = node(id)) {
                item->fold(std::move(ports[id]));
                folded.insert(id);
            }
    }
    for (const auto& [id, item] : m_nodes)
        if (item->isFolded() && !folded.count(id))
            item->unfold();
}

std::vector<BlockPort> CanvasScene::portsOf(const graph::Group& group) const
{
    const auto& graph = m_model.graph();
    std::vector<BlockPort> ports;
    Rows inputs, outputs;
    for (const auto& node : graph.nodes) {
        if (!holds(group, node.id))
            continue;
        for (int i = 0; i < graph::inputPorts(graph, node); ++i) {
            const graph::Edge* edge = graph.edgeInto(node.id, i);
            if (edge && !holds(group, edge->from))
                ports.push_back({node.id, {false, i}, inputs.of(edge->from, edge->fromPort)});
            else if (!edge && waitsForInput(node, i))
                ports.push_back({node.id, {false, i}, inputs.of(node.id, i)});
        }
        for (int o = 0; o < graph::outputPorts(node); ++o) {
            const auto leaves = [&](const graph::Edge& edge) {
                return edge.from == node.id && edge.fromPort == o && !holds(group, edge.to);
            };
            if (!graph.isUsed(node.id, o) || std::any_of(graph.edges.begin(), graph.edges.end(), leaves))
                ports.push_back({node.id, {true, o}, outputs.of(node.id, o)});
        }
    }
    return ports;
}

bool CanvasScene::isInside(const graph::Edge& edge) const
{
    const graph::Group* group = m_model.graph().groupOf(edge.from);
    return group && holds(*group, edge.to);
}

void CanvasScene::placeFrames()
{
    for (const auto& group : m_model.graph().groups) {
        GroupItem* frame = this->group(group.id);
        if (!frame || frame->isBlock() || m_stillFrames.count(group.id))
            continue;
        QRectF content;
        for (const auto& id : group.nodes)
            if (const NodeItem* item = node(id))
                content |= item->cardRect().translated(item->pos());
        for (const auto* edge : m_edges)
            if (holds(group, edge->edge().from) && holds(group, edge->edge().to))
                content |= edge->course().path.boundingRect();
        frame->surround(content);
    }
}

bool CanvasScene::pressGroup(QGraphicsSceneMouseEvent* event)
{
    const QPointF place = event->scenePos();
    GroupItem* item = nodeAt(place) ? nullptr : groupAt(place);
    if (event->button() == Qt::RightButton && item) {
        if (!item->isSelected())
            selectGroups({item->id()});
        event->accept();
        return true;
    }
    if (event->button() != Qt::LeftButton)
        return false;
    NodeItem* pressed = nodeAt(place);
    if (!item) {
        // A selected node is dragged: selected groups come along.
        if (!pressed || !pressed->isSelected() || selectedGroups().empty() || event->modifiers())
            return false;
        startMoving(place);
        event->accept();
        return true;
    }
    event->accept();
    const auto part = item->partAt(place);
    if (part == GroupItem::Part::Fold) {
        graph::Group changed = *m_model.graph().findGroup(item->id());
        changed.collapsed = !changed.collapsed;
        const QString title = changed.collapsed ? tr("Collapse block") : tr("Expand block");
        edit(graph::changeGroup(m_model.graph(), changed, title.toStdString()), place);
        return true;
    }
    if (event->modifiers() & Qt::ControlModifier)
        item->setSelected(!item->isSelected());
    else if (!item->isSelected())
        selectGroups({item->id()});
    if (part == GroupItem::Part::Repeat)
        Q_EMIT groupEditRequested(item->id(), part);
    else
        startMoving(place);
    return true;
}

void CanvasScene::startMoving(QPointF from)
{
    m_moving = Moving{from, {}};
    for (const auto& id : chosenNodes())
        m_moving->starts[id] = node(id)->pos();
}

void CanvasScene::moveChosen(QPointF to)
{
    const QPointF way = to - m_moving->from;
    const QPointF by(std::round(way.x() / NodeItem::snap) * NodeItem::snap,
        std::round(way.y() / NodeItem::snap) * NodeItem::snap);
    followDrag();
    m_syncing = true;
    for (const auto& [id, start] : m_moving->starts)
        if (NodeItem* item = node(id))
            item->setPos(start + by);
    m_syncing = false;
    arrange();
    followDrag();
}

GroupItem* CanvasScene::frameTaking(const NodeItem& item) const
{
    const QRectF card = item.cardRect().translated(item.pos());
    const graph::Group* now = m_model.graph().groupOf(item.id());
    // Out of its own frame a node is only when nothing of it is left within.
    if (now)
        if (const auto still = m_stillFrames.find(now->id);
            still == m_stillFrames.end() || still->second.intersects(card))
            return group(now->id);
    for (const auto& [id, frame] : m_stillFrames)
        if (frame.contains(card.center()) && (!now || id != now->id))
            return group(id);
    return nullptr;
}

void CanvasScene::followDrag()
{
    std::set<std::string> moving;
    for (const auto& id : m_moving ? chosenNodes() : selectedNodes())
        moving.insert(id);
    if (m_stillFrames.empty())
        for (const auto& group : m_model.graph().groups) {
            const GroupItem* frame = this->group(group.id);
            const bool whole = std::all_of(
                group.nodes.begin(), group.nodes.end(), [&](const auto& id) { return moving.count(id) > 0; });
            if (frame && !frame->isBlock() && !whole)
                m_stillFrames[group.id] = frame->area();
        }
    std::set<const GroupItem*> taking;
    for (const auto& id : moving) {
        const NodeItem* item = node(id);
        const graph::Group* now = m_model.graph().groupOf(id);
        const GroupItem* frame = item && !item->isFolded() ? frameTaking(*item) : nullptr;
        if (frame && (!now || frame->id() != now->id))
            taking.insert(frame);
    }
    for (const auto& [id, frame] : m_groups)
        frame->setTakesIn(taking.count(frame) > 0);
}

void CanvasScene::endDrag()
{
    m_draggingNodes = false;
    m_moving.reset();
    commitMoves();
    m_stillFrames.clear();
    for (const auto& [id, frame] : m_groups)
        frame->setTakesIn(false);
    arrange();
}

void CanvasScene::appendGroupChange(
    const std::vector<std::string>& moved, std::vector<graph::GraphEdit>& edits) const
{
    graph::Graph after = m_model.graph();
    for (const auto& id : moved) {
        const NodeItem& item = *node(id);
        const graph::Group* now = after.groupOf(id);
        const GroupItem* frame = item.isFolded() ? (now ? group(now->id) : nullptr) : frameTaking(item);
        const std::string target = frame ? frame->id() : std::string();
        if (target == (now ? now->id : std::string()))
            continue;
        graph::GraphEdit change = graph::moveToGroup(after, {id}, target, {});
        if (graph::apply(after, change))
            edits.push_back(std::move(change));
    }
}

void CanvasScene::commitMoves()
{
    std::vector<graph::GraphEdit> edits;
    std::vector<std::string> moved;
    for (const auto& node : m_model.graph().nodes) {
        const NodeItem* item = this->node(node.id);
        if (!item || item->pos() == QPointF(node.position.x, node.position.y))
            continue;
        edits.push_back({graph::MoveNode{node.id, {item->pos().x(), item->pos().y()}}, {}});
        moved.push_back(node.id);
    }
    if (edits.empty())
        return;
    appendGroupChange(moved, edits);
    const QString title = moved.size() == 1 ? tr("Move layer") : tr("Move %1 layers").arg(moved.size());
    edit({graph::Composite{std::move(edits)}, title.toStdString()}, {});
}

} // namespace gradloom::widgets
