#pragma once

#include "widgets/canvas/canvas_view.h"
#include "widgets/palette/layer_list.h"

#include <QDragEnterEvent>
#include <QDropEvent>
#include <QMimeData>
#include <QTest>
#include <QWidget>
#include <QWindow>

#include <memory>

namespace gradloom::test {

/// The mouse as the window system delivers it, so that buttons, grabs and popups behave as with a hand.
class Mouse
{
public:
    explicit Mouse(QWidget* widget) : m_widget(widget) {}

    void move(QPoint place) { QTest::mouseMove(window(), mapped(place)); }
    void press(QPoint place, Qt::MouseButton button = Qt::LeftButton, Qt::KeyboardModifiers keys = {})
    {
        move(place);
        QTest::mousePress(window(), button, keys, mapped(place));
    }
    void release(QPoint place, Qt::MouseButton button = Qt::LeftButton, Qt::KeyboardModifiers keys = {})
    {
        QTest::mouseRelease(window(), button, keys, mapped(place));
    }
    void click(QPoint place, Qt::KeyboardModifiers keys = {})
    {
        press(place, Qt::LeftButton, keys);
        release(place, Qt::LeftButton, keys);
    }
    /// Presses, moves in small steps and holds.
    void dragTo(QPoint from, QPoint to, Qt::MouseButton button = Qt::LeftButton)
    {
        press(from, button);
        for (int i = 1; i <= 8; ++i)
            move(from + (to - from) * i / 8);
    }
    void drag(QPoint from, QPoint to, Qt::MouseButton button = Qt::LeftButton)
    {
        dragTo(from, to, button);
        release(to, button);
    }

private:
    QWindow* window() const { return m_widget->window()->windowHandle(); }
    QPoint mapped(QPoint place) const { return m_widget->mapTo(m_widget->window(), place); }
    QWidget* m_widget;
};

/// A canvas in a window of its own that asks for the keyboard.
inline std::unique_ptr<widgets::CanvasView> shownCanvas(widgets::GraphModel& model)
{
    auto view = std::make_unique<widgets::CanvasView>(model);
    view->resize(1100, 600);
    view->show();
    view->activateWindow();
    view->setFocus();
    [&view] { QVERIFY(QTest::qWaitForWindowExposed(view.get())); }();
    return view;
}

/// Drops a layer as the palette's drag would: QDrag itself blocks until a real button is released.
inline void dropLayer(QWidget* viewport, const char* type, QPoint place)
{
    QMimeData mime;
    mime.setData(QLatin1String(widgets::layerMimeType), type);
    QDragEnterEvent enter(place, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(viewport, &enter);
    QVERIFY(enter.isAccepted());
    QDragMoveEvent move(place, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(viewport, &move);
    QVERIFY(move.isAccepted());
    QDropEvent drop(place, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(viewport, &drop);
    QVERIFY(drop.isAccepted());
}

} // namespace gradloom::test
