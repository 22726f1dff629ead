#pragma once

#include "widgets/canvas/edge_item.h"
#include "widgets/canvas/node_item.h"
#include "widgets/model/graph_model.h"

#include <QGraphicsScene>

#include <map>
#include <memory>

namespace gradloom::widgets {

class ConnectionDrag;

/// The drawing as items, kept equal to the model: after every change items are added, removed and updated by
/// id, so that selection and activations survive. Mouse actions end in edits of the model.
class CanvasScene : public QGraphicsScene
{
    Q_OBJECT
public:
    explicit CanvasScene(GraphModel& model, QObject* parent = nullptr);
    ~CanvasScene() override;

    GraphModel& model() { return m_model; }
    NodeItem* node(const std::string& id) const;
    EdgeItem* edge(const graph::Edge& edge) const;
    std::vector<NodeItem*> nodes() const;
    NodeItem* nodeAt(QPointF place) const;
    /// The connection near a place, or nullptr.
    EdgeItem* edgeAt(QPointF place, double reach = 16) const;
    /// What the nodes cover, or an empty rectangle.
    QRectF nodesRect() const;
    QSizeF sizeOf(const std::string& node) const;

    std::vector<std::string> selectedNodes() const;
    std::vector<graph::Edge> selectedEdges() const;
    void selectNodes(const std::vector<std::string>& ids);

    /// What a node computes now; a null image takes it away. Kept when the drawing changes as long as the
    /// node exists.
    void setActivation(const std::string& node, const QImage& strip);
    void clearActivations();

    bool isDragging() const { return m_draggingNodes; }
    bool isConnecting() const;
    void cancelConnection();
    /// Called by a node when its place or selection changed.
    void nodeChanged(NodeItem& item);

    /// Applies an edit; a refusal is shown as a hint at `place`.
    bool edit(const graph::GraphEdit& edit, QPointF place, const QString& mergeKey = {});

Q_SIGNALS:
    void nodeSelectionChanged();
    /// Something that the user tried is not possible; the reason belongs beside `place`.
    void refused(const QString& reason, const QPointF& place);
    void refusalEnded();
    /// A connection was dropped where nothing is: one of its ends is empty.
    void openConnectionDropped(const graph::Edge& openEdge, const QPointF& place);
    void sceneSynced();
    void nodeActivated(const std::string& node);

protected:
    void mousePressEvent(QGraphicsSceneMouseEvent* event) override;
    void mouseMoveEvent(QGraphicsSceneMouseEvent* event) override;
    void mouseReleaseEvent(QGraphicsSceneMouseEvent* event) override;
    void mouseDoubleClickEvent(QGraphicsSceneMouseEvent* event) override;

private:
    void syncGraph();
    void syncAnalysis();
    void syncNodes();
    void syncEdges();
    void placeEdges();
    void refreshTouched();
    void commitMoves();
    double channelBetween(const NodeItem& from, const NodeItem& to) const;

    GraphModel& m_model;
    std::map<std::string, NodeItem*> m_nodes;
    std::vector<EdgeItem*> m_edges;
    std::unique_ptr<ConnectionDrag> m_connection;
    bool m_draggingNodes = false;
    bool m_syncing = false;
};

} // namespace gradloom::widgets
