#include "widgets/live/gl_live_view.h"

#include <QLabel>
#include <QVBoxLayout>

namespace gradloom::widgets {

GlLiveView::GlLiveView(LiveContext& context, const QString& name, const QString& description)
    : m_context(context)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    QString problem;
    if (!ImguiWidget::available(&problem)) {
        auto* label = new QLabel(problem, this);
        label->setAlignment(Qt::AlignCenter);
        label->setWordWrap(true);
        label->setObjectName("noOpenGl");
        layout->addWidget(label);
        return;
    }
    m_surface = new ImguiWidget([this](LiveFrame& frame) { paint(frame); }, this);
    m_surface->setAccessibleName(name);
    m_surface->setAccessibleDescription(description);
    layout->addWidget(m_surface);
}

void GlLiveView::refresh()
{
    if (m_surface)
        m_surface->requestFrame();
}

void GlLiveView::paintNotice(LiveFrame& frame, const QRectF& area, const QString& text)
{
    const QPointF middle(area.center().x(), area.center().y() - textHeight(TextStyle::Body));
    frame.draw.text(middle, TextStyle::Body, frame.colors.muted, text.toStdString(), Align::Centre);
}

} // namespace gradloom::widgets
