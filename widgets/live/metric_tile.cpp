#include "widgets/live/metric_tile.h"

#include "widgets/theme/theme.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QMouseEvent>
#include <QPainter>

namespace gradloom::widgets {

namespace {
constexpr int margin = 15;
}

MetricTile::MetricTile(const QString& caption, QWidget* parent) : QWidget(parent), m_caption(caption)
{
    setAccessibleName(caption);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void MetricTile::setValue(const QString& value, Tone tone)
{
    if (value == m_value && tone == m_tone)
        return;
    m_value = value;
    m_tone = tone;
    setAccessibleDescription(value);
    update();
}

void MetricTile::setEditable(bool editable)
{
    if (editable == m_editable)
        return;
    m_editable = editable;
    setCursor(editable ? Qt::IBeamCursor : Qt::ArrowCursor);
    setFocusPolicy(editable ? Qt::TabFocus : Qt::NoFocus);
    if (!editable)
        closeField();
    update();
}

void MetricTile::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool marked = m_editable && (m_hovered || hasFocus());
    painter.setPen(theme().color(marked ? Role::Accent : Role::Border));
    painter.setBrush(theme().color(Role::Raised));
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 9, 9);
    const QRect inner = rect().adjusted(margin, 11, -margin, -11);
    painter.setFont(theme().font(12));
    painter.setPen(theme().color(Role::TextDim));
    const QFontMetrics captions(painter.font());
    painter.drawText(
        inner, Qt::AlignLeft | Qt::AlignTop, captions.elidedText(m_caption, Qt::ElideRight, inner.width()));
    if (m_field && m_field->isVisible())
        return;
    const Role role = m_tone == Tone::Good ? Role::Success : m_tone == Tone::Bad ? Role::Error : Role::Text;
    // A narrow tile gets smaller figures before it gets an ellipsis.
    int size = 19;
    while (size > 13 &&
           QFontMetrics(theme().font(size, QFont::DemiBold)).horizontalAdvance(m_value) > inner.width())
        --size;
    painter.setFont(theme().font(size, QFont::DemiBold));
    painter.setPen(theme().color(role));
    painter.drawText(inner, Qt::AlignLeft | Qt::AlignBottom,
        QFontMetrics(painter.font()).elidedText(m_value, Qt::ElideRight, inner.width()));
}

void MetricTile::openField()
{
    if (!m_field) {
        m_field = new QLineEdit(this);
        m_field->setObjectName("field");
        m_field->setProperty("look", "field");
        m_field->setAccessibleName(m_caption);
        m_field->installEventFilter(this);
    }
    m_field->setGeometry(margin - 8, height() - 38, width() - 2 * margin + 16, 28);
    m_field->setText(m_value);
    m_field->show();
    m_field->selectAll();
    m_field->setFocus();
    update();
}

void MetricTile::closeField()
{
    if (!m_field || !m_field->isVisible())
        return;
    m_field->hide();
    update();
}

void MetricTile::mousePressEvent(QMouseEvent* event)
{
    if (m_editable && event->button() == Qt::LeftButton)
        openField();
}

void MetricTile::keyPressEvent(QKeyEvent* event)
{
    if (m_editable &&
        (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter || event->key() == Qt::Key_Space))
        openField();
    else
        QWidget::keyPressEvent(event);
}

bool MetricTile::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_field && event->type() == QEvent::FocusOut)
        closeField();
    if (watched == m_field && event->type() == QEvent::KeyPress) {
        // Taken here, because a line edit passes these keys on to the tile, which would open it again.
        const int key = static_cast<QKeyEvent*>(event)->key();
        const bool entered = key == Qt::Key_Return || key == Qt::Key_Enter;
        if (!entered && key != Qt::Key_Escape)
            return false;
        const QString text = m_field->text();
        closeField();
        if (entered)
            Q_EMIT valueEntered(text);
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

void MetricTile::enterEvent(QEnterEvent*)
{
    m_hovered = true;
    update();
}

void MetricTile::leaveEvent(QEvent*)
{
    m_hovered = false;
    update();
}

} // namespace gradloom::widgets
