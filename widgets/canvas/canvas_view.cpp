#include "widgets/canvas/canvas_view.h"

#include "widgets/canvas/group_editor.h"
#include "widgets/canvas/minimap.h"
#include "widgets/canvas/problem_bubble.h"
#include "widgets/theme/theme.h"

#include "engine/graph/expand.h"

#include <QGraphicsSceneEvent>
#include <QLabel>
#include <QPainter>
#include <QScrollBar>
#include <QTimer>
#include <QWheelEvent>

#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr double smallestZoom = 0.15;
constexpr double largestZoom = 3;
constexpr double dotPitch = 2 * NodeItem::snap;

} // namespace

CanvasView::CanvasView(GraphModel& model, QWidget* parent)
    : QGraphicsView(parent), m_scene(new CanvasScene(model, this)), m_hintTimer(new QTimer(this))
{
    setScene(m_scene);
    setObjectName("canvas");
    setAccessibleName(tr("Canvas"));
    setAccessibleDescription(
        tr("The network as a drawing. Tab adds a layer, Ctrl with the arrow keys left and right walks along "
           "it, with up and down into blocks and out of them."));
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setTransformationAnchor(QGraphicsView::NoAnchor);
    setResizeAnchor(QGraphicsView::NoAnchor);
    setDragMode(QGraphicsView::RubberBandDrag);
    setRubberBandSelectionMode(Qt::IntersectsItemShape);
    setViewportUpdateMode(QGraphicsView::SmartViewportUpdate);
    setRenderHint(QPainter::Antialiasing);
    setFocusPolicy(Qt::StrongFocus);
    setAcceptDrops(true);
    setMinimumSize(240, 160);

    m_minimap = new Minimap(*this);
    m_bubble = new ProblemBubble(viewport());
    m_groupEditor = new GroupEditor(*this);
    m_hint = new QLabel(viewport());
    m_hint->setObjectName("hint");
    m_hint->setProperty("look", "hint");
    m_hint->setWordWrap(true);
    m_hint->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_hint->hide();
    m_hintTimer->setSingleShot(true);
    m_hintTimer->setInterval(5000);

    connect(m_hintTimer, &QTimer::timeout, m_hint, &QWidget::hide);
    connect(m_scene, &CanvasScene::refused, this, &CanvasView::showHint);
    connect(m_scene, &CanvasScene::refusalEnded, m_hint, &QWidget::hide);
    connect(m_scene, &CanvasScene::nodeSelectionChanged, this, &CanvasView::refreshBubble);
    connect(m_scene, &CanvasScene::sceneSynced, this, &CanvasView::refreshBubble);
    connect(m_scene, &QGraphicsScene::changed, m_minimap, qOverload<>(&QWidget::update));
    connect(m_scene, &CanvasScene::nodeActivated, this, [this] { Q_EMIT inspectRequested(); });
    connect(m_scene, &CanvasScene::groupEditRequested, m_groupEditor, &GroupEditor::open);
    connect(this, &QGraphicsView::rubberBandChanged, m_scene, &CanvasScene::keepBandOffFrames);
    connect(m_scene, &CanvasScene::openConnectionDropped, this,
        [this](const graph::Edge& open, const QPointF& place) { openAddPopup(place, open); });
    connect(m_bubble, &ProblemBubble::repairChosen, this,
        [this](const graph::GraphEdit& edit) { m_scene->edit(edit, mapToScene(m_bubble->pos())); });
    connect(m_bubble, &ProblemBubble::dismissed, this, [this] {
        m_dismissed.insert({m_bubble->problem().node, m_bubble->problem().message});
        refreshBubble();
    });
    connect(&theme(), &Theme::changed, this, [this] {
        viewport()->update();
        refreshBubble();
    });
    refreshBubble();
}

CanvasView::~CanvasView()
{
    // The scene reports while it goes; nothing of the view may listen any more.
    m_scene->disconnect(this);
}

QRectF CanvasView::visibleSceneRect() const
{
    return mapToScene(viewport()->rect()).boundingRect();
}

QPoint CanvasView::portPoint(const std::string& node, PortRef port) const
{
    const NodeItem* item = m_scene->node(node);
    return item ? mapFromScene(item->portPosition(port)) : QPoint();
}

void CanvasView::drawBackground(QPainter* painter, const QRectF& rect)
{
    const Theme& colours = theme();
    painter->fillRect(rect, colours.color(Role::Background));
    const double scale = zoom();
    // Dots stay about as dense on the screen however far one zooms out.
    double pitch = dotPitch;
    while (pitch * scale < 14)
        pitch *= 2;
    const double size = 1.1 / std::min(scale, 1.0);
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.color(Role::Grid));
    const double left = std::floor(rect.left() / pitch) * pitch;
    const double top = std::floor(rect.top() / pitch) * pitch;
    for (double y = top; y < rect.bottom() + pitch; y += pitch)
        for (double x = left; x < rect.right() + pitch; x += pitch)
            painter->drawEllipse(QPointF(x, y), size, size);
}

void CanvasView::fit()
{
    m_autoFit = true;
    const QRectF nodes = m_scene->nodesRect();
    if (nodes.isEmpty()) {
        resetTransform();
        centerOn(0, 0);
        return;
    }
    const QRectF wanted = nodes.adjusted(-44, -44, 44, 44);
    const double scale =
        std::min({viewport()->width() / wanted.width(), viewport()->height() / wanted.height(), 1.0});
    setZoom(scale);
    centerOn(wanted.center());
    // A short drawing hangs in the upper part of a high canvas, where reading starts.
    const double spare = viewport()->height() - wanted.height() * zoom();
    if (spare > 0)
        verticalScrollBar()->setValue(verticalScrollBar()->value() + static_cast<int>(spare * 0.22));
    placeOverlays();
}

void CanvasView::setZoom(double zoom)
{
    const double bounded = std::clamp(zoom, smallestZoom, largestZoom);
    setTransform(QTransform::fromScale(bounded, bounded));
}

void CanvasView::zoomBy(double factor)
{
    m_autoFit = false;
    const QPointF middle = visibleSceneRect().center();
    setZoom(zoom() * factor);
    centerOn(middle);
    placeOverlays();
}

void CanvasView::resetZoom()
{
    zoomBy(1 / zoom());
}

void CanvasView::lookAt(QPointF place)
{
    m_autoFit = false;
    centerOn(place);
}

void CanvasView::showNode(const std::string& id)
{
    const std::string drawn = graph::originOf(model().graph(), id).node;
    const NodeItem* item = m_scene->node(drawn);
    if (item && item->isFolded()) {
        showGroup(model().graph().groupOf(drawn)->id);
        return;
    }
    m_scene->selectNodes({drawn});
    if (item && !visibleSceneRect().contains(item->cardRect().translated(item->pos())))
        ensureVisible(item, 60, 60);
}

void CanvasView::wheelEvent(QWheelEvent* event)
{
    const double steps = event->angleDelta().y() / 120.0;
    if (steps == 0)
        return;
    m_autoFit = false;
    const QPointF pointer = event->position();
    const QPointF before = mapToScene(pointer.toPoint());
    setZoom(zoom() * std::pow(1.15, steps));
    // What is under the pointer stays under it.
    const QPointF moved = mapFromScene(before) - pointer;
    horizontalScrollBar()->setValue(horizontalScrollBar()->value() + qRound(moved.x()));
    verticalScrollBar()->setValue(verticalScrollBar()->value() + qRound(moved.y()));
    placeOverlays();
    event->accept();
}

void CanvasView::mousePressEvent(QMouseEvent* event)
{
    const bool pan =
        event->button() == Qt::MiddleButton || (event->button() == Qt::LeftButton && m_spaceDown);
    if (pan) {
        m_panning = true;
        m_autoFit = false;
        m_panFrom = event->pos();
        viewport()->setCursor(Qt::ClosedHandCursor);
        return;
    }
    QGraphicsView::mousePressEvent(event);
}

void CanvasView::mouseMoveEvent(QMouseEvent* event)
{
    if (m_panning) {
        const QPoint by = event->pos() - m_panFrom;
        m_panFrom = event->pos();
        horizontalScrollBar()->setValue(horizontalScrollBar()->value() - by.x());
        verticalScrollBar()->setValue(verticalScrollBar()->value() - by.y());
        return;
    }
    QGraphicsView::mouseMoveEvent(event);
}

void CanvasView::mouseReleaseEvent(QMouseEvent* event)
{
    if (m_panning && (event->button() == Qt::MiddleButton || event->button() == Qt::LeftButton)) {
        m_panning = false;
        viewport()->setCursor(m_spaceDown ? Qt::OpenHandCursor : Qt::ArrowCursor);
        return;
    }
    QGraphicsView::mouseReleaseEvent(event);
}

void CanvasView::resizeEvent(QResizeEvent* event)
{
    QGraphicsView::resizeEvent(event);
    if (m_autoFit)
        fit();
    placeOverlays();
}

void CanvasView::showEvent(QShowEvent* event)
{
    QGraphicsView::showEvent(event);
    if (m_autoFit)
        fit();
}

void CanvasView::scrollContentsBy(int dx, int dy)
{
    QGraphicsView::scrollContentsBy(dx, dy);
    // Children of the viewport are moved along with its pixels; they belong to places of their own.
    placeOverlays();
    viewport()->update();
}

bool CanvasView::viewportEvent(QEvent* event)
{
    const bool handled = QGraphicsView::viewportEvent(event);
    if (event->type() == QEvent::LayoutRequest)
        placeOverlays();
    return handled;
}

void CanvasView::placeOverlays()
{
    if (!m_minimap)
        return;
    m_groupEditor->place();
    m_minimap->move(
        viewport()->width() - m_minimap->width() - 14, viewport()->height() - m_minimap->height() - 14);
    m_minimap->setVisible(viewport()->width() > 420 && viewport()->height() > 220);
    m_minimap->update();
    if (!m_bubble || m_bubble->isHidden())
        return;
    const QRectF area = m_scene->areaOf(m_bubble->problem());
    if (area.isEmpty())
        return;
    QPoint place = mapFromScene(area.bottomLeft()) + QPoint(0, 14);
    place.setX(std::clamp(place.x(), 8, std::max(8, viewport()->width() - m_bubble->width() - 8)));
    place.setY(std::clamp(place.y(), 8, std::max(8, viewport()->height() - m_bubble->height() - 8)));
    m_bubble->move(place);
}

void CanvasView::refreshBubble()
{
    const auto& problems = model().analysis().problems;
    const graph::Problem* shown = nullptr;
    const auto consider = [&](const graph::Problem& problem, bool wanted) {
        if (!shown && wanted && !m_scene->areaOf(problem).isEmpty() &&
            !m_dismissed.count({problem.node, problem.message}))
            shown = &problem;
    };
    for (const auto& id : m_scene->selectedGroups())
        for (const auto& problem : problems)
            consider(problem, problem.group == id);
    for (const auto& id : m_scene->chosenNodes())
        for (const auto& problem : problems)
            consider(problem, problem.node == id);
    // Without a selection only what can be mended by a click is worth interrupting for.
    for (const auto& problem : problems)
        consider(problem, !problem.proposals.empty());
    m_bubble->setVisible(shown != nullptr);
    if (!shown)
        return;
    m_bubble->setProblem(*shown);
    placeOverlays();
}

void CanvasView::showHint(const QString& reason, QPointF scenePlace)
{
    m_hint->setText(reason);
    m_hint->setAccessibleName(reason);
    const int width = std::min(320, m_hint->fontMetrics().horizontalAdvance(reason) + 26);
    m_hint->setFixedWidth(width);
    m_hint->setFixedHeight(m_hint->heightForWidth(width));
    QPoint place = mapFromScene(scenePlace) + QPoint(16, 18);
    place.setX(std::clamp(place.x(), 8, std::max(8, viewport()->width() - m_hint->width() - 8)));
    place.setY(std::clamp(place.y(), 8, std::max(8, viewport()->height() - m_hint->height() - 8)));
    m_hint->move(place);
    m_hint->show();
    m_hint->raise();
    m_hintTimer->start();
}

} // namespace gradloom::widgets
