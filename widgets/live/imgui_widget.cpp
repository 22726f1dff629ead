#include "widgets/live/imgui_widget.h"

#include "widgets/live/imgui_input.h"
#include "widgets/theme/theme.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QOpenGLFramebufferObject>
#include <QPainter>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>
#include <imgui.h>

namespace gradloom::widgets {

namespace {

constexpr int fastestFrame = 16; ///< milliseconds
/// Painting may take one part in this many of the time: training needs the cores more than the curves do.
constexpr double costShare = 12;

ImVec4 toVec(const QColor& color)
{
    return {color.redF(), color.greenF(), color.blueF(), color.alphaF()};
}

void applyStyle(const LiveColors& colors, float ratio)
{
    ImGuiStyle style;
    style.WindowRounding = style.FrameRounding = style.PopupRounding = 6;
    style.WindowBorderSize = 0;
    style.WindowPadding = {0, 0};
    style.ScaleAllSizes(ratio);
    style.Colors[ImGuiCol_Text] = toVec(colors.text);
    style.Colors[ImGuiCol_TextDisabled] = toVec(colors.muted);
    style.Colors[ImGuiCol_WindowBg] = toVec(colors.panel);
    style.Colors[ImGuiCol_PopupBg] = toVec(colors.card);
    style.Colors[ImGuiCol_Border] = toVec(colors.border);
    style.Colors[ImGuiCol_FrameBg] = toVec(colors.track);
    style.Colors[ImGuiCol_SliderGrab] = toVec(colors.accent);
    style.Colors[ImGuiCol_CheckMark] = toVec(colors.accent);
    style.Colors[ImGuiCol_Button] = toVec(colors.track);
    style.Colors[ImGuiCol_Header] = toVec(colors.track);
    ImGui::GetStyle() = style;
}

QString probe()
{
    QOpenGLContext context;
    if (!context.create())
        return ImguiWidget::tr(
            "Live pictures need OpenGL 3, and this display offers none. Training goes on without them.");
    const auto version = context.format().version();
    if (version < qMakePair(3, 0))
        return ImguiWidget::tr("Live pictures need OpenGL 3, and this display offers %1.%2. "
                               "Training goes on without them.")
            .arg(version.first)
            .arg(version.second);
    return {};
}

} // namespace

bool ImguiWidget::available(QString* problem)
{
    static const QString answer = probe();
    if (problem)
        *problem = answer;
    return answer.isEmpty();
}

ImguiWidget::ImguiWidget(Painter painter, QWidget* parent) : QWidget(parent), m_painter(std::move(painter))
{
    // CreateContext makes the new context current only where there was none.
    m_context = ImGui::CreateContext();
    ImGui::SetCurrentContext(m_context);
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.LogFilename = nullptr;
    io.BackendPlatformName = "gradloom";
    io.BackendRendererName = "gradloom";
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
    setUpInput();
    setAttribute(Qt::WA_OpaquePaintEvent);
    setMouseTracking(true);
    setFocusPolicy(Qt::ClickFocus);
    m_clock.start();
    m_pacing.setSingleShot(true);
    m_pacing.setTimerType(Qt::PreciseTimer);
    connect(&m_pacing, &QTimer::timeout, this, &ImguiWidget::repaintSoon);
    connect(&theme(), &Theme::changed, this, [this] {
        m_fontRatio = 0; // another theme may bring another typeface
        repaintSoon();
    });
}

ImguiWidget::~ImguiWidget()
{
    if (m_gl && m_gl->makeCurrent(m_surface.get())) {
        m_renderer.shutDown();
        m_framebuffer.reset();
        m_gl->doneCurrent();
    }
    ImGui::DestroyContext(m_context);
}

void ImguiWidget::requestFrame()
{
    if (!isVisible() || m_pacing.isActive())
        return;
    const int interval = std::max(fastestFrame, static_cast<int>(std::min(m_frameCost * costShare, 500.0)));
    const qint64 passed = m_sinceFrame.isValid() ? m_sinceFrame.elapsed() : interval;
    m_pacing.start(static_cast<int>(std::max<qint64>(0, interval - passed)));
}

void ImguiWidget::repaintSoon()
{
    m_stale = true;
    update();
}

bool ImguiWidget::makeCurrent()
{
    if (!m_gl) {
        m_gl = std::make_unique<QOpenGLContext>();
        m_gl->create();
        m_surface = std::make_unique<QOffscreenSurface>();
        m_surface->setFormat(m_gl->format());
        m_surface->create();
    }
    if (!m_gl->makeCurrent(m_surface.get())) {
        m_problem = tr("OpenGL does not answer, so that nothing can be shown here. Training goes on.");
        return false;
    }
    if (!m_renderer.ready()) {
        m_problem.clear();
        m_renderer.initialise(m_problem);
    }
    return m_renderer.ready();
}

QSize ImguiWidget::pixels() const
{
    const QSizeF exact = QSizeF(size()) * devicePixelRatioF();
    return {static_cast<int>(std::ceil(exact.width())), static_cast<int>(std::ceil(exact.height()))};
}

QImage ImguiWidget::paintNow()
{
    const QSize size = pixels();
    if (size.isEmpty() || !makeCurrent())
        return {};
    m_sinceFrame.start();
    if (!m_framebuffer || m_framebuffer->size() != size)
        m_framebuffer = std::make_unique<QOpenGLFramebufferObject>(size);
    m_framebuffer->bind();
    paintGl(size);
    m_picture = m_framebuffer->toImage();
    m_picture.setDevicePixelRatio(devicePixelRatioF());
    m_framebuffer->release();
    m_gl->doneCurrent();
    m_stale = false;
    m_frameCost = 0.7 * m_frameCost + 0.3 * static_cast<double>(m_sinceFrame.nsecsElapsed()) * 1e-6;
    return m_picture;
}

void ImguiWidget::paintEvent(QPaintEvent*)
{
    if ((m_stale || m_picture.size() != pixels()) && paintNow().isNull())
        m_picture = {};
    QPainter painter(this);
    if (m_picture.isNull()) { // every pixel is to be painted, see the constructor
        painter.fillRect(rect(), liveColors().panel);
        painter.setPen(liveColors().muted);
        painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap, m_problem);
        return;
    }
    painter.setCompositionMode(QPainter::CompositionMode_Source);
    painter.drawImage(QPointF(), m_picture);
}

void ImguiWidget::buildFonts()
{
    if (m_fontRatio == devicePixelRatioF())
        return;
    m_fontRatio = devicePixelRatioF();
    ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
    atlas.Clear();
    m_fonts = addFonts(atlas, theme().font(), m_fontRatio);
    unsigned char* pixels = nullptr;
    int width = 0, height = 0;
    atlas.GetTexDataAsRGBA32(&pixels, &width, &height);
    GlTexture& texture = m_renderer.texture("fonts");
    m_renderer.upload(texture, QImage(pixels, width, height, width * 4, QImage::Format_RGBA8888), true);
    atlas.SetTexID((ImTextureID)(intptr_t)texture.id);
    atlas.ClearTexData();
}

void ImguiWidget::beginFrame(const LiveColors& colors)
{
    const float ratio = static_cast<float>(devicePixelRatioF());
    ImGuiIO& io = ImGui::GetIO();
    // ImGui works in device pixels: its smoothing of edges is one unit wide and should be one pixel wide.
    io.DisplaySize = {static_cast<float>(width()) * ratio, static_cast<float>(height()) * ratio};
    io.DeltaTime = std::max(1e-4f, static_cast<float>(m_clock.nsecsElapsed()) * 1e-9f);
    m_clock.restart();
    applyStyle(colors, ratio);
    sendPointer(io, static_cast<float>(m_pointer.position.x()) * ratio,
        static_cast<float>(m_pointer.position.y()) * ratio, m_pointer.inside,
        m_pointer.down || m_pointer.pressed, static_cast<float>(m_pointer.wheel));
    ImGui::NewFrame();
}

void ImguiWidget::paintGl(QSize framebuffer)
{
    const LiveColors colors = liveColors();
    m_renderer.clear(colors.panel, framebuffer);
    if (!m_renderer.ready())
        return;
    ImGui::SetCurrentContext(m_context);
    buildFonts();
    beginFrame(colors);
    LiveFrame frame{Draw(*ImGui::GetBackgroundDrawList(), m_fonts, devicePixelRatioF()), m_renderer,
        m_pointer, colors, QSizeF(size())};
    m_painter(frame);
    ImGui::Render();
    m_renderer.render(*ImGui::GetDrawData(), framebuffer);
    const bool again = m_pointer.pressed && !m_pointer.down; // ImGui has yet to see the release
    m_pointer.pressed = m_pointer.released = m_pointer.doubleClicked = false;
    m_pointer.wheel = 0;
    m_pointer.drag = {};
    ++m_frames;
    if (again)
        requestFrame();
}

void ImguiWidget::movePointer(QMouseEvent* event)
{
    const QPointF position = event->position();
    if (m_pointer.down)
        m_pointer.drag += position - m_pointer.position;
    m_pointer.position = position;
    m_pointer.inside = true;
    m_pointer.modifiers = event->modifiers();
    event->accept();
    repaintSoon();
}

void ImguiWidget::mousePressEvent(QMouseEvent* event)
{
    movePointer(event);
    if (event->button() == Qt::LeftButton)
        m_pointer.pressed = m_pointer.down = true;
}

void ImguiWidget::mouseReleaseEvent(QMouseEvent* event)
{
    movePointer(event);
    if (event->button() == Qt::LeftButton) {
        m_pointer.released = true;
        m_pointer.down = false;
    }
}

void ImguiWidget::mouseDoubleClickEvent(QMouseEvent* event)
{
    movePointer(event);
    if (event->button() == Qt::LeftButton)
        m_pointer.doubleClicked = m_pointer.pressed = m_pointer.down = true;
}

void ImguiWidget::mouseMoveEvent(QMouseEvent* event)
{
    movePointer(event);
}

void ImguiWidget::wheelEvent(QWheelEvent* event)
{
    m_pointer.position = event->position();
    m_pointer.inside = true;
    m_pointer.modifiers = event->modifiers();
    // Shift turns the wheel sideways on most systems.
    const QPoint delta = event->angleDelta();
    m_pointer.wheel += (delta.y() != 0 ? delta.y() : delta.x()) / 120.0;
    event->accept();
    repaintSoon();
}

void ImguiWidget::keyPressEvent(QKeyEvent* event)
{
    ImGui::SetCurrentContext(m_context);
    sendKey(ImGui::GetIO(), *event, true);
    repaintSoon();
    QWidget::keyPressEvent(event); // shortcuts of the window go on working
}

void ImguiWidget::keyReleaseEvent(QKeyEvent* event)
{
    ImGui::SetCurrentContext(m_context);
    sendKey(ImGui::GetIO(), *event, false);
    repaintSoon();
    QWidget::keyReleaseEvent(event);
}

void ImguiWidget::enterEvent(QEnterEvent* event)
{
    m_pointer.position = event->position();
    m_pointer.inside = true;
    repaintSoon();
}

void ImguiWidget::leaveEvent(QEvent*)
{
    m_pointer.inside = false;
    repaintSoon();
}

} // namespace gradloom::widgets
