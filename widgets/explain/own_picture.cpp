#include "widgets/explain/own_picture.h"

#include "widgets/theme/theme.h"

#include <QDragEnterEvent>
#include <QFileDialog>
#include <QKeyEvent>
#include <QMimeData>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>

namespace gradloom::widgets {

namespace {

/// The first local file of a drag, empty for anything else.
QString fileOf(const QMimeData& data)
{
    for (const QUrl& url : data.urls())
        if (url.isLocalFile())
            return url.toLocalFile();
    return {};
}

} // namespace

OwnPicture::OwnPicture(QWidget* parent) : QWidget(parent)
{
    setObjectName("ownPicture");
    setAcceptDrops(true);
    setFocusPolicy(Qt::TabFocus);
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Your own picture"));
    setAccessibleDescription(tr("Drop a PNG or JPEG file here, or press Enter to choose one."));
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void OwnPicture::setPicture(const QImage& picture, const QString& name)
{
    m_picture = picture;
    m_name = name;
    m_problem.clear();
    update();
}

void OwnPicture::setProblem(const QString& problem)
{
    m_problem = problem;
    update();
}

void OwnPicture::setCurrent(bool current)
{
    m_current = current;
    update();
}

void OwnPicture::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool marked = m_dropping || m_current || hasFocus();
    QPen pen(theme().color(marked ? Role::Accent : Role::Border));
    if (m_picture.isNull() && !marked)
        pen.setStyle(Qt::DashLine);
    painter.setPen(pen);
    painter.setBrush(theme().color(m_dropping ? Role::Hover : Role::Raised));
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 9, 9);
    painter.setFont(theme().font(12));
    QRect inner = rect().adjusted(12, 10, -12, -10);
    if (!m_picture.isNull()) {
        const int side = std::min(inner.height() - 22, inner.width());
        const QRect box(inner.center().x() - side / 2, inner.top(), side, side);
        painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
        painter.drawImage(box, m_picture);
        painter.setPen(theme().color(Role::TextDim));
        painter.drawText(inner, Qt::AlignHCenter | Qt::AlignBottom,
            painter.fontMetrics().elidedText(m_name, Qt::ElideMiddle, inner.width()));
        return;
    }
    painter.setPen(theme().color(m_problem.isEmpty() ? Role::TextDim : Role::Error));
    painter.drawText(inner, Qt::AlignCenter | Qt::TextWordWrap,
        m_problem.isEmpty() ? tr("drop an image here\nor click to open one") : m_problem);
}

void OwnPicture::browse()
{
    const QString path = QFileDialog::getOpenFileName(
        this, tr("Open a picture"), {}, tr("Pictures (*.png *.jpg *.jpeg);;All files (*)"));
    if (!path.isEmpty())
        Q_EMIT fileChosen(path);
}

void OwnPicture::dragEnterEvent(QDragEnterEvent* event)
{
    if (fileOf(*event->mimeData()).isEmpty())
        return;
    event->acceptProposedAction();
    m_dropping = true;
    update();
}

void OwnPicture::dragLeaveEvent(QDragLeaveEvent*)
{
    m_dropping = false;
    update();
}

void OwnPicture::dropEvent(QDropEvent* event)
{
    m_dropping = false;
    update();
    const QString path = fileOf(*event->mimeData());
    if (path.isEmpty())
        return;
    event->acceptProposedAction();
    Q_EMIT fileChosen(path);
}

void OwnPicture::mousePressEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton)
        return;
    // A picture that is there but not on show is shown first; the next click opens another one.
    if (!m_picture.isNull() && !m_current)
        Q_EMIT activated();
    else
        browse();
}

void OwnPicture::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter || event->key() == Qt::Key_Space)
        browse();
    else
        QWidget::keyPressEvent(event);
}

} // namespace gradloom::widgets
