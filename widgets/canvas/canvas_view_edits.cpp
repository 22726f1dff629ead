// Keyboard, drop, menus and edits of the canvas.
#include "widgets/canvas/add_popup.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/model/graph_actions.h"
#include "widgets/palette/layer_list.h"

#include <QAction>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QGuiApplication>
#include <QLabel>
#include <QMenu>
#include <QMimeData>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace gradloom::widgets {

namespace {

constexpr const char* nodesMimeType = "application/x-gradloom-nodes";

graph::Position snapped(QPointF place)
{
    return {std::round(place.x() / NodeItem::snap) * NodeItem::snap,
        std::round(place.y() / NodeItem::snap) * NodeItem::snap};
}

/// A new node comes under the pointer with its header, not with its corner.
graph::Position placeFor(QPointF pointer)
{
    return snapped(pointer - QPointF(50, 28));
}

std::string draggedLayer(const QMimeData* mime)
{
    return mime->data(QLatin1String(layerMimeType)).toStdString();
}

} // namespace

bool CanvasView::focusNextPrevChild(bool next)
{
    // Tab opens the search; Shift+Tab leaves the canvas.
    return !next && QGraphicsView::focusNextPrevChild(next);
}

void CanvasView::applyAdded(const AddedNodes& added, QPointF place)
{
    if (!m_scene->edit(added.edit, place))
        return;
    m_scene->selectNodes(added.ids);
    if (const NodeItem* item = added.ids.empty() ? nullptr : m_scene->node(added.ids.back()))
        if (!visibleSceneRect().contains(item->cardRect().translated(item->pos())))
            ensureVisible(item, 80, 80);
}

void CanvasView::appendLayer(const std::string& type)
{
    const auto selected = m_scene->selectedNodes();
    const auto sizes = [this](const std::string& id) { return m_scene->sizeOf(id); };
    const bool first = model().graph().nodes.empty();
    applyAdded(widgets::appendLayer(
                   model().graph(), type, selected.empty() ? std::string() : selected.back(), sizes),
        visibleSceneRect().center());
    if (first)
        fit();
}

void CanvasView::openAddPopup(QPointF scenePlace, const graph::Edge& openEdge)
{
    auto* popup = new AddPopup(this);
    connect(popup, &AddPopup::layerChosen, this, [this, scenePlace, openEdge](const std::string& type) {
        const bool open = !openEdge.from.empty() || !openEdge.to.empty();
        if (open)
            placeAdded(addConnectedLayer(model().graph(), type, placeFor(scenePlace), openEdge), scenePlace);
        else if (EdgeItem* target = insertTarget(type, scenePlace))
            placeAdded(insertLayer(model().graph(), type, target->edge(), placeFor(scenePlace)), scenePlace);
        else
            placeAdded(addLayer(model().graph(), type, placeFor(scenePlace)), scenePlace);
        setFocus();
    });
    popup->openAt(viewport()->mapToGlobal(mapFromScene(scenePlace)));
}

void CanvasView::removeSelected()
{
    const auto nodes = m_scene->chosenNodes();
    const auto edges = m_scene->selectedEdges();
    if (!nodes.empty() || !edges.empty())
        m_scene->edit(removeParts(model().graph(), nodes, edges), visibleSceneRect().center());
}

void CanvasView::selectAllNodes()
{
    std::vector<std::string> all;
    for (const auto& node : model().graph().nodes)
        all.push_back(node.id);
    m_scene->selectNodes(all);
}

void CanvasView::copySelected()
{
    const auto nodes = m_scene->chosenNodes();
    if (nodes.empty())
        return;
    auto* mime = new QMimeData;
    const QByteArray text = copyText(model().graph(), nodes);
    mime->setData(QLatin1String(nodesMimeType), text);
    mime->setText(QString::fromUtf8(text));
    QGuiApplication::clipboard()->setMimeData(mime);
}

void CanvasView::cutSelected()
{
    copySelected();
    removeSelected();
}

void CanvasView::paste()
{
    const QMimeData* mime = QGuiApplication::clipboard()->mimeData();
    if (!mime)
        return;
    const QByteArray text = mime->hasFormat(QLatin1String(nodesMimeType))
                                ? mime->data(QLatin1String(nodesMimeType))
                                : mime->text().toUtf8();
    if (const auto added = pasteText(model().graph(), text, {40, 100}))
        applyAdded(*added, visibleSceneRect().center());
    else
        Q_EMIT m_scene->refused(tr("The clipboard holds no layers."), visibleSceneRect().center());
}

void CanvasView::duplicateSelected()
{
    const auto nodes = m_scene->chosenNodes();
    if (nodes.empty())
        return;
    if (auto added = pasteText(model().graph(), copyText(model().graph(), nodes), {40, 100})) {
        added->edit.title = tr("Duplicate").toStdString();
        applyAdded(*added, visibleSceneRect().center());
    }
}

void CanvasView::tidyUp()
{
    if (model().graph().nodes.empty())
        return;
    const auto sizes = [this](const std::string& id) { return m_scene->sizeOf(id); };
    const auto blockSizes = [this](const std::string& id) { return m_scene->group(id)->area().size(); };
    const double width = std::max(900.0, viewport()->width() * 0.92);
    if (m_scene->edit(
            widgets::tidyUp(model().graph(), sizes, blockSizes, width), visibleSceneRect().center()))
        fit();
}

void CanvasView::moveSelected(QPointF by)
{
    std::vector<graph::GraphEdit> moves;
    for (const auto& id : m_scene->chosenNodes()) {
        const auto place = model().graph().find(id)->position;
        moves.push_back({graph::MoveNode{id, {place.x + by.x(), place.y + by.y()}}, {}});
    }
    if (!moves.empty())
        m_scene->edit(
            {graph::Composite{std::move(moves)}, tr("Move").toStdString()}, visibleSceneRect().center());
}

void CanvasView::walk(int direction)
{
    const auto& graph = model().graph();
    const auto selected = m_scene->chosenNodes();
    if (selected.empty()) {
        if (!graph.nodes.empty())
            showNode(graph.nodes.front().id);
        return;
    }
    // From a block the walk goes on at what it is connected to outside.
    const auto chosen = [&](const std::string& id) {
        return std::find(selected.begin(), selected.end(), id) != selected.end();
    };
    const bool block = !m_scene->selectedGroups().empty();
    for (const auto& edge : graph.edges) {
        const auto& [here, there] =
            direction > 0 ? std::tie(edge.from, edge.to) : std::tie(edge.to, edge.from);
        const bool leaves = block ? chosen(here) && !chosen(there)
                                  : here == (direction > 0 ? selected.back() : selected.front());
        if (leaves) {
            showNode(there);
            return;
        }
    }
}

void CanvasView::keyPressEvent(QKeyEvent* event)
{
    const bool control = event->modifiers() & Qt::ControlModifier;
    const double step = NodeItem::snap * (event->modifiers() & Qt::ShiftModifier ? 5 : 1);
    switch (event->key()) {
    case Qt::Key_Tab: {
        const QPoint pointer = viewport()->mapFromGlobal(QCursor::pos());
        openAddPopup(
            mapToScene(viewport()->rect().contains(pointer) ? pointer : viewport()->rect().center()));
        return;
    }
    case Qt::Key_Space:
        if (!event->isAutoRepeat()) {
            m_spaceDown = true;
            viewport()->setCursor(Qt::OpenHandCursor);
        }
        return;
    case Qt::Key_Escape:
        m_scene->cancelConnection();
        m_scene->selectNodes({});
        return;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        Q_EMIT inspectRequested();
        return;
    case Qt::Key_Left:
        return control ? walk(-1) : moveSelected({-step, 0});
    case Qt::Key_Right:
        return control ? walk(1) : moveSelected({step, 0});
    case Qt::Key_Up:
        return control ? walkBetweenLevels(-1) : moveSelected({0, -step});
    case Qt::Key_Down:
        return control ? walkBetweenLevels(1) : moveSelected({0, step});
    default:
        QGraphicsView::keyPressEvent(event);
    }
}

void CanvasView::keyReleaseEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Space && !event->isAutoRepeat()) {
        m_spaceDown = false;
        viewport()->setCursor(Qt::ArrowCursor);
        return;
    }
    QGraphicsView::keyReleaseEvent(event);
}

void CanvasView::contextMenuEvent(QContextMenuEvent* event)
{
    const QPointF place =
        event->reason() == QContextMenuEvent::Mouse ? mapToScene(event->pos()) : visibleSceneRect().center();
    if (EdgeItem* edge = m_scene->edgeAt(place, 6); edge && !m_scene->nodeAt(place) && !edge->isSelected()) {
        m_scene->clearSelection();
        edge->setSelected(true);
    }
    QMenu menu(this);
    menu.addAction(tr("Add Layer …"), this, [this, place] { openAddPopup(place); });
    menu.addSeparator();
    menu.addActions(m_contextActions);
    menu.exec(event->globalPos());
}

EdgeItem* CanvasView::insertTarget(const std::string& type, QPointF place) const
{
    if (!canBeInserted(type) || m_scene->nodeAt(place))
        return nullptr;
    return m_scene->edgeAt(place);
}

void CanvasView::markInsertTarget(EdgeItem* target)
{
    for (const auto& edge : model().graph().edges)
        if (EdgeItem* item = m_scene->edge(edge))
            item->setInsertHere(item == target);
}

void CanvasView::dragEnterEvent(QDragEnterEvent* event)
{
    if (event->mimeData()->hasFormat(QLatin1String(layerMimeType)))
        event->acceptProposedAction();
}

void CanvasView::dragMoveEvent(QDragMoveEvent* event)
{
    if (!event->mimeData()->hasFormat(QLatin1String(layerMimeType)))
        return;
    markInsertTarget(insertTarget(draggedLayer(event->mimeData()), mapToScene(event->position().toPoint())));
    event->acceptProposedAction();
}

void CanvasView::dragLeaveEvent(QDragLeaveEvent*)
{
    markInsertTarget(nullptr);
}

void CanvasView::dropEvent(QDropEvent* event)
{
    const std::string type = draggedLayer(event->mimeData());
    const QPointF place = mapToScene(event->position().toPoint());
    EdgeItem* target = insertTarget(type, place);
    markInsertTarget(nullptr);
    if (type.empty())
        return;
    if (target)
        placeAdded(insertLayer(model().graph(), type, target->edge(), placeFor(place)), place);
    else
        placeAdded(addLayer(model().graph(), type, placeFor(place)), place);
    event->acceptProposedAction();
    setFocus();
}

} // namespace gradloom::widgets
