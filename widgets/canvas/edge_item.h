#pragma once

#include "engine/graph/graph.h"

#include <QGraphicsItem>
#include <QPainterPath>

namespace gradloom::widgets {

/// The course of a connection from an output (leaves to the right) to an input (comes from the left).
struct EdgeCourse
{
    QPainterPath path;
    QPointF label;            ///< centre of the shape label
    bool labelOnLine = false; ///< the label interrupts the line; otherwise it floats above it
};

/// Straight or curved where the target lies to the right; where it lies back to the left the line turns, runs
/// along the horizontal `channel` between the rows and turns again.
EdgeCourse edgeCourse(QPointF from, QPointF to, double channel);
/// Whether the line has to turn back, so that a channel is needed.
bool turnsBack(QPointF from, QPointF to);

/// A connection with the shape that flows along it.
class EdgeItem : public QGraphicsItem
{
public:
    enum { Type = UserType + 2 };

    explicit EdgeItem(graph::Edge edge);

    int type() const override { return Type; }
    const graph::Edge& edge() const { return m_edge; }
    void setCourse(EdgeCourse course);
    const EdgeCourse& course() const { return m_course; }
    void setLabel(const QString& text);
    const QString& label() const { return m_label; }
    /// One of its nodes is selected.
    void setTouched(bool touched);
    /// A dragged layer would be inserted here.
    void setInsertHere(bool here);
    bool isInsertHere() const { return m_insertHere; }

    QRectF boundingRect() const override;
    QPainterPath shape() const override;
    void paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget* widget) override;

protected:
    void hoverEnterEvent(QGraphicsSceneHoverEvent* event) override;
    void hoverLeaveEvent(QGraphicsSceneHoverEvent* event) override;

private:
    QRectF labelRect() const;

    graph::Edge m_edge;
    EdgeCourse m_course;
    QString m_label;
    bool m_touched = false;
    bool m_insertHere = false;
    bool m_hovered = false;
};

} // namespace gradloom::widgets
