#pragma once

#include <QGraphicsItem>
#include <QImage>
#include <QPainterPath>

#include <string>
#include <vector>

namespace gradloom::widgets {

/// What a node shows; made by the scene from the drawing and its analysis.
struct NodeLook
{
    std::string id;
    QString title;
    std::string category;
    QString summary;    ///< left: "32 · 3×3 · ReLU"
    QString count;      ///< right: "320 p"
    QStringList inputs; ///< names of the ports
    QStringList outputs;
    QString problem;      ///< empty where all is well
    bool warning = false; ///< the problem does not keep the network from training
    bool operator==(const NodeLook&) const = default;
};

/// A port of a node: input or output, counted from zero.
struct PortRef
{
    bool output = false;
    int index = -1;
    bool valid() const { return index >= 0; }
    bool operator==(const PortRef&) const = default;
};

/// A layer on the canvas. Paints from NodeLook alone and knows neither drawing nor edits.
class NodeItem : public QGraphicsItem
{
public:
    enum { Type = UserType + 1 };
    /// Nodes sit on this grid; the dots of the canvas are twice as far apart.
    static constexpr double snap = 10;
    static constexpr double portRadius = 5;

    explicit NodeItem(NodeLook look);

    int type() const override { return Type; }
    const NodeLook& look() const { return m_look; }
    const std::string& id() const { return m_look.id; }
    void setLook(NodeLook look);

    /// What the layer computes now: maps side by side, or a picture. A null image takes the area away.
    void setActivation(const QImage& image);
    const QImage& activation() const { return m_activation; }

    /// How a port looks while a connection is drawn.
    enum class PortMark { Plain, Possible, Impossible, Target };
    void setPortMark(PortRef port, PortMark mark);
    void clearPortMarks();
    PortMark portMark(PortRef port) const;

    /// Where a port is while the node is folded into a collapsed block.
    using FoldedPort = std::pair<PortRef, QPointF>;
    /// Hides the node; only these of its ports can still be met, at these places of the scene.
    void fold(std::vector<FoldedPort> ports);
    void unfold();
    bool isFolded() const { return m_folded; }

    QSizeF size() const { return m_size; }
    QRectF cardRect() const { return {QPointF(0, 0), m_size}; }
    /// Where a port is, in the scene.
    QPointF portPosition(PortRef port) const;
    /// The port at a place of the scene, with some room around it for unsteady hands.
    PortRef portAt(QPointF scenePosition, double reach = 13) const;

    QRectF boundingRect() const override;
    QPainterPath shape() const override;
    void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

protected:
    QVariant itemChange(GraphicsItemChange change, const QVariant& value) override;
    void hoverEnterEvent(QGraphicsSceneHoverEvent* event) override;
    void hoverMoveEvent(QGraphicsSceneHoverEvent* event) override;
    void hoverLeaveEvent(QGraphicsSceneHoverEvent* event) override;

private:
    void layOut();
    QPointF localPort(PortRef port) const;
    void paintCard(QPainter* painter) const;
    void paintTexts(QPainter* painter) const;
    void paintPorts(QPainter* painter) const;
    void paintBadge(QPainter* painter) const;

    NodeLook m_look;
    QImage m_activation;
    QSizeF m_size;
    QRectF m_activationRect;
    QPainterPath m_card;
    QPainterPath m_topEdge;
    std::vector<PortMark> m_inputMarks;
    std::vector<PortMark> m_outputMarks;
    std::vector<FoldedPort> m_foldedPorts;
    bool m_folded = false;
    bool m_hovered = false;
};

} // namespace gradloom::widgets
