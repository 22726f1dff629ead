#pragma once

#include "widgets/canvas/canvas_scene.h"

#include <QGraphicsView>

#include <set>

class QLabel;
class QTimer;

namespace gradloom::widgets {

struct AddedNodes;
class GroupEditor;
class Minimap;
class ProblemBubble;

/// The canvas: view of the scene with zoom, pan, drop, keyboard, overview and bubbles. Everything that
/// changes the drawing is also a public slot, so that menus and shortcuts use the same way.
class CanvasView : public QGraphicsView
{
    Q_OBJECT
public:
    explicit CanvasView(GraphModel& model, QWidget* parent = nullptr);
    ~CanvasView() override;

    CanvasScene& canvasScene() const { return *m_scene; }
    GraphModel& model() const { return m_scene->model(); }
    QRectF visibleSceneRect() const;
    double zoom() const { return transform().m11(); }
    /// Where a port is in the viewport, for tests and tools.
    QPoint portPoint(const std::string& node, PortRef port) const;

    ProblemBubble& problemBubble() { return *m_bubble; }
    QLabel& hint() { return *m_hint; }
    GroupEditor& groupEditor() { return *m_groupEditor; }

    void setActivation(const std::string& node, const QImage& strip) { m_scene->setActivation(node, strip); }
    void clearActivations() { m_scene->clearActivations(); }
    /// Actions that also stand in the context menu, for example undo; owned by the caller.
    void setContextActions(QList<QAction*> actions) { m_contextActions = std::move(actions); }

public Q_SLOTS:
    void fit();
    void zoomBy(double factor);
    void resetZoom();
    void lookAt(QPointF place);
    /// Selects a node and brings it into view; a copy of a repeated node stands for that node, and a node in
    /// a collapsed block for the block.
    void showNode(const std::string& id);
    void showGroup(const std::string& id);

    void appendLayer(const std::string& type);
    void removeSelected();
    void selectAllNodes();
    void copySelected();
    void cutSelected();
    void paste();
    void duplicateSelected();
    void tidyUp();
    void groupSelected();
    void ungroupSelected();
    /// Collapses the block that the selection is about, or expands it.
    void foldSelected();
    void renameSelected();
    void takeOutSelected();
    void openAddPopup(QPointF scenePlace, const graph::Edge& openEdge = {});

Q_SIGNALS:
    /// Enter or double-click on a node: its options are wanted.
    void inspectRequested();

protected:
    void drawBackground(QPainter* painter, const QRectF& rect) override;
    bool viewportEvent(QEvent* event) override;
    bool focusNextPrevChild(bool next) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void scrollContentsBy(int dx, int dy) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragMoveEvent(QDragMoveEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    /// Applies what was dropped at a place: within a frame it joins the group.
    void placeAdded(AddedNodes added, QPointF place);
    /// The group of the selection: the selected one, or the one that holds the selected node.
    std::string currentGroup() const;
    void applyAdded(const AddedNodes& added, QPointF place);
    void placeOverlays();
    void refreshBubble();
    void showHint(const QString& reason, QPointF scenePlace);
    void moveSelected(QPointF by);
    void walk(int direction);
    void walkBetweenLevels(int direction);
    void setZoom(double zoom);
    EdgeItem* insertTarget(const std::string& type, QPointF place) const;
    void markInsertTarget(EdgeItem* target);

    CanvasScene* m_scene;
    Minimap* m_minimap;
    ProblemBubble* m_bubble;
    QLabel* m_hint;
    GroupEditor* m_groupEditor;
    QTimer* m_hintTimer;
    QList<QAction*> m_contextActions;
    std::set<std::pair<std::string, std::string>> m_dismissed; ///< node and message
    QPoint m_panFrom;
    bool m_panning = false;
    bool m_spaceDown = false;
    bool m_autoFit = true; ///< until the user zooms or pans, the whole drawing is kept in view
};

} // namespace gradloom::widgets
