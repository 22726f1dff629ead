#include "widgets/explain/picture_card.h"

#include "widgets/theme/theme.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

namespace gradloom::widgets {

namespace {
constexpr int margin = 14;
constexpr int textSpace = 58;
} // namespace

PictureCard::PictureCard(QWidget* parent) : QFrame(parent)
{
    setProperty("look", "card");
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(margin, margin, margin, margin - 2);
    layout->addStretch(1);
    m_controls = new QHBoxLayout;
    m_controls->setSpacing(8);
    m_controls->addStretch(1);
    layout->addLayout(m_controls);
}

void PictureCard::setPicture(const QImage& picture, QSize unit)
{
    m_picture = picture;
    m_unit = unit;
    m_drawing = nullptr;
    update();
}

void PictureCard::setDrawing(std::function<QImage(QSize)> drawing)
{
    m_picture = {};
    m_drawing = std::move(drawing);
    update();
}

QRect PictureCard::space() const
{
    return rect().adjusted(margin, margin, -margin, -textSpace);
}

void PictureCard::setLines(const QString& title, const QString& line)
{
    m_title = title;
    m_line = line;
    setAccessibleName(title);
    setAccessibleDescription(line);
    update();
}

void PictureCard::addControl(QWidget* control)
{
    m_controls->addWidget(control);
}

void PictureCard::paintEvent(QPaintEvent* event)
{
    QFrame::paintEvent(event);
    QPainter painter(this);
    const QRect space = this->space();
    if (m_drawing && !space.isEmpty())
        painter.drawImage(space.topLeft(), m_drawing(space.size()));
    if (!m_picture.isNull()) {
        QSize size = m_picture.size().scaled(space.size(), Qt::KeepAspectRatio);
        if (size.width() > m_unit.width() * 4)
            size = m_unit * (size.width() / m_unit.width());
        QRect box(QPoint(), size);
        box.moveCenter(space.center());
        painter.setRenderHint(QPainter::SmoothPixmapTransform, m_picture.size() != m_unit);
        painter.drawImage(box, m_picture);
    }
    int controls = 0; // stand at the right of the second line
    for (int i = 0; i < m_controls->count(); ++i)
        if (const QWidget* control = m_controls->itemAt(i)->widget(); control && control->isVisible())
            controls += control->width() + m_controls->spacing();
    const QRect lines(margin, height() - textSpace + 10, width() - 2 * margin, textSpace - 16);
    painter.setFont(theme().font(13, QFont::DemiBold));
    painter.setPen(theme().color(Role::Text));
    painter.drawText(lines, Qt::AlignLeft | Qt::AlignTop,
        painter.fontMetrics().elidedText(m_title, Qt::ElideRight, lines.width()));
    painter.setFont(theme().font(13));
    painter.setPen(theme().color(Role::TextDim));
    painter.drawText(lines.adjusted(0, 19, 0, 0), Qt::AlignLeft | Qt::AlignTop,
        painter.fontMetrics().elidedText(m_line, Qt::ElideRight, lines.width() - controls));
}

} // namespace gradloom::widgets
