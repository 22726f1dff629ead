#pragma once

#include <QWidget>

namespace gradloom::widgets {

class CanvasView;

/// The whole drawing small, with the part that is seen; click or drag moves the view there.
class Minimap : public QWidget
{
    Q_OBJECT
public:
    explicit Minimap(CanvasView& view);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;

private:
    QTransform toMap() const;
    void lookAt(QPointF place);

    CanvasView& m_view;
};

} // namespace gradloom::widgets
