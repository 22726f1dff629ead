#pragma once

#include "widgets/live/draw.h"
#include "widgets/live/gl_renderer.h"

#include <QElapsedTimer>
#include <QTimer>
#include <QWidget>

#include <functional>
#include <memory>

class QOffscreenSurface;
class QOpenGLContext;
class QOpenGLFramebufferObject;
struct ImGuiContext;

namespace gradloom::widgets {

/// The mouse since the last frame, in logical pixels. Kept by the widget itself, so that a press and release
/// between two frames are both seen.
struct Pointer
{
    QPointF position;
    bool inside = false;
    bool down = false;    ///< left button
    bool pressed = false; ///< went down since the last frame
    bool released = false;
    bool doubleClicked = false;
    double wheel = 0; ///< notches, upwards positive
    QPointF drag;     ///< movement with the button down since the last frame
    Qt::KeyboardModifiers modifiers;
};

/// What a view draws with.
struct LiveFrame
{
    Draw draw;
    GlRenderer& renderer;
    Pointer pointer;
    LiveColors colors;
    QSizeF size;
};

/// A widget whose content is drawn with Dear ImGui. Each has its own ImGui context, so several may be open at
/// once. It paints when it is asked to and never by itself: no work is done for an idle or hidden view.
///
/// OpenGL draws into memory of its own and the picture is read back. A QOpenGLWidget would make Qt compose
/// the whole window with OpenGL whenever a figure in it changes, which takes some 20 milliseconds of processor
/// time where that is done in software.
class ImguiWidget : public QWidget
{
    Q_OBJECT

public:
    using Painter = std::function<void(LiveFrame&)>;

    ImguiWidget(Painter painter, QWidget* parent);
    ~ImguiWidget() override;

    /// Whether this machine gives an OpenGL (ES) 3.0 context; asked once.
    static bool available(QString* problem = nullptr);

    /// Repaints soon: at most 60 times a second, and seldom enough that painting takes no more than a small
    /// share of one core where pictures are computed in software.
    void requestFrame();
    /// Paints now and gives the picture; empty where OpenGL fails.
    QImage paintNow();
    int framesPainted() const { return m_frames; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void enterEvent(QEnterEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    /// What was painted is no longer true.
    void repaintSoon();
    /// Of the picture; covers the widget at every scale.
    QSize pixels() const;
    /// Makes the context current, created where this is the first time; m_problem says why it cannot.
    bool makeCurrent();
    void paintGl(QSize size);
    void buildFonts();
    void beginFrame(const LiveColors& colors);
    void movePointer(QMouseEvent* event);

    Painter m_painter;
    ImGuiContext* m_context = nullptr;
    std::unique_ptr<QOffscreenSurface> m_surface;
    std::unique_ptr<QOpenGLContext> m_gl;
    std::unique_ptr<QOpenGLFramebufferObject> m_framebuffer;
    QImage m_picture;    ///< what was painted last
    bool m_stale = true; ///< the picture is
    GlRenderer m_renderer;
    ImguiFonts m_fonts;
    double m_fontRatio = 0;
    Pointer m_pointer;
    QElapsedTimer m_clock;
    QElapsedTimer m_sinceFrame;
    QTimer m_pacing;
    double m_frameCost = 0; ///< milliseconds
    int m_frames = 0;
    QString m_problem; ///< why nothing can be painted
};

} // namespace gradloom::widgets
