#pragma once

#include "widgets/canvas/edge_item.h"
#include "widgets/canvas/group_item.h"
#include "widgets/canvas/node_item.h"
#include "widgets/model/graph_model.h"

#include <QGraphicsScene>

#include <map>
#include <memory>
#include <optional>
#include <set>

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
    GroupItem* group(const std::string& id) const;
    std::vector<GroupItem*> groups() const;
    /// The group whose title, controls or block are at a place, or nullptr.
    GroupItem* groupAt(QPointF place) const;
    /// The frame in which a place lies, or nullptr.
    GroupItem* frameAt(QPointF place) const;
    /// What nodes and groups cover, or an empty rectangle.
    QRectF nodesRect() const;
    /// What shows a problem's node or group: a card, a frame or a block. Empty where there is none.
    QRectF areaOf(const graph::Problem& problem) const;
    QSizeF sizeOf(const std::string& node) const;

    std::vector<std::string> selectedNodes() const;
    std::vector<std::string> selectedGroups() const;
    /// What an action is for: the selected nodes and those of the selected groups.
    std::vector<std::string> chosenNodes() const;
    /// The group that the selection is about: the only selected one, with nothing else but nodes of it.
    std::string selectedGroup() const;
    std::vector<graph::Edge> selectedEdges() const;
    /// A node in a collapsed block stands for the block.
    void selectNodes(const std::vector<std::string>& ids);
    void selectGroups(const std::vector<std::string>& ids);

    /// What a node computes now; a null image takes it away. Kept when the drawing changes as long as the
    /// node exists.
    void setActivation(const std::string& node, const QImage& strip);
    void clearActivations();

    /// A rubber band that touches a frame's title does not mean the frame, unless it holds all nodes of it.
    void keepBandOffFrames();

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
    /// A group's title or number of repetitions is to be edited in its place.
    void groupEditRequested(const std::string& group, gradloom::widgets::GroupItem::Part part);

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
    void syncGroups();
    /// Places everything that follows the nodes: blocks, connections, frames.
    void arrange();
    void placeBlocks();
    std::vector<BlockPort> portsOf(const graph::Group& group) const;
    void placeEdges();
    void placeFrames();
    bool isInside(const graph::Edge& edge) const;
    void refreshTouched();
    bool pressGroup(QGraphicsSceneMouseEvent* event);
    void startMoving(QPointF from);
    void moveChosen(QPointF to);
    void followDrag();
    void endDrag();
    void commitMoves();
    void appendGroupChange(const std::vector<std::string>& moved, std::vector<graph::GraphEdit>& edits) const;
    GroupItem* frameTaking(const NodeItem& node) const;
    double channelBetween(const NodeItem& from, const NodeItem& to) const;
    QRectF coverOf(const std::string& node) const;

    GraphModel& m_model;
    std::map<std::string, NodeItem*> m_nodes;
    std::vector<EdgeItem*> m_edges;
    std::map<std::string, GroupItem*> m_groups;
    std::unique_ptr<ConnectionDrag> m_connection;
    /// Nodes that move with the pointer because their group does, and where they were.
    struct Moving
    {
        QPointF from;
        std::map<std::string, QPointF> starts;
    };
    std::optional<Moving> m_moving;
    /// Frames as they were when nodes began to be dragged: those that are not moved as a whole stay, so that
    /// a node can be dragged out of its frame.
    std::map<std::string, QRectF> m_stillFrames;
    bool m_draggingNodes = false;
    bool m_syncing = false;
};

} // namespace gradloom::widgets
