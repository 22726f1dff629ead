#pragma once

#include "widgets/canvas/node_item.h"

namespace gradloom::widgets {

/// What a group shows; made by the scene from the drawing and its analysis.
struct GroupLook
{
    std::string id;
    QString title;
    QString layers; ///< "6 layers"
    QString count;  ///< parameters of all repetitions: "55.5k"
    int repeat = 1;
    bool collapsed = false;
    QString problem; ///< empty where all is well
    bool warning = false;
    bool operator==(const GroupLook&) const = default;
};

/// A port of a collapsed block: it stands for a port of a node inside. Ports that read the same result share
/// a row.
struct BlockPort
{
    std::string node;
    PortRef port;
    int row = 0;
    bool operator==(const BlockPort&) const = default;
};

/// A group on the canvas: a frame behind its nodes, or collapsed one block in their place. Paints from
/// GroupLook alone and knows neither drawing nor edits; the scene says where it is.
class GroupItem : public QGraphicsItem
{
public:
    enum { Type = UserType + 3 };
    /// What is at a place of the group.
    enum class Part {
        None,
        Handle, ///< the title of a frame, the whole of a block: selects and moves
        Title,  ///< the title's text: also renames
        Fold,   ///< collapses and expands
        Repeat  ///< sets the number of repetitions
    };

    explicit GroupItem(GroupLook look);

    int type() const override { return Type; }
    const GroupLook& look() const { return m_look; }
    const std::string& id() const { return m_look.id; }
    void setLook(GroupLook look);
    bool isBlock() const { return m_look.collapsed; }

    /// The frame around `content`, in the scene; for groups that are not collapsed.
    void surround(const QRectF& content);
    /// The block at a place with its ports, and what its result looks like now; for collapsed groups.
    void stand(QPointF place, std::vector<BlockPort> ports, const QImage& activation);
    const QImage& activation() const { return m_activation; }
    const std::vector<BlockPort>& ports() const { return m_ports; }
    /// Where a port of the block is, in the scene.
    QPointF portPosition(const BlockPort& port) const;

    QRectF area() const { return {pos(), m_size}; }
    /// Where a part is, in the scene.
    QRectF partRect(Part part) const;
    Part partAt(QPointF scenePosition) const;
    /// A dragged layer would be taken in.
    void setTakesIn(bool takesIn);
    bool takesIn() const { return m_takesIn; }

    QRectF boundingRect() const override;
    QPainterPath shape() const override;
    void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

    static constexpr double headerHeight = 34;

protected:
    QVariant itemChange(GraphicsItemChange change, const QVariant& value) override;
    void hoverMoveEvent(QGraphicsSceneHoverEvent* event) override;
    void hoverLeaveEvent(QGraphicsSceneHoverEvent* event) override;

private:
    void layOut();
    void place(const QRectF& area);
    double width() const { return m_size.width(); }
    void paintFrame(QPainter* painter) const;
    void paintBlock(QPainter* painter) const;
    void paintHeader(QPainter* painter) const;
    void paintPill(QPainter* painter) const;
    void paintPorts(QPainter* painter) const;
    void paintBadge(QPainter* painter) const;
    QColor borderColor() const;

    GroupLook m_look;
    QSizeF m_size;
    std::vector<BlockPort> m_ports;
    QImage m_activation;
    QRectF m_strip; ///< where it is shown
    QRectF m_title; ///< of the text
    QRectF m_fold;
    QRectF m_repeat;
    Part m_hovered = Part::None;
    bool m_takesIn = false;
};

} // namespace gradloom::widgets
