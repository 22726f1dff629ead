#pragma once

#include "widgets/canvas/node_item.h"

#include "engine/graph/graph.h"

#include <QGraphicsPathItem>

#include <optional>

namespace gradloom::widgets {

class CanvasScene;

/// A connection while it is drawn from a port: the loose line, the marks on ports that would take it, and the
/// reason where one would not. Lives from press to release.
class ConnectionDrag
{
public:
    /// Starts at a port. From a connected input the existing connection is taken up at its end.
    ConnectionDrag(CanvasScene& scene, NodeItem& node, PortRef port);
    ~ConnectionDrag();

    void moveTo(QPointF place);
    /// Ends it: connects, refuses, or takes the picked up connection away. Returns the open edge where it was
    /// dropped on nothing and a layer could follow.
    std::optional<graph::Edge> drop(QPointF place);

private:
    struct Target
    {
        NodeItem* node = nullptr;
        PortRef port;
    };
    Target targetAt(QPointF place) const;
    Target targetInBlock(QPointF place) const;
    graph::Edge edgeTo(const Target& target) const;
    QString refusal(const Target& target) const;
    void markPorts();

    CanvasScene& m_scene;
    std::string m_node; ///< the fixed end
    PortRef m_port;
    std::optional<graph::Edge> m_pickedUp;
    QGraphicsPathItem m_line;
    Target m_target;
};

} // namespace gradloom::widgets
