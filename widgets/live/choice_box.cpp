#include "widgets/live/choice_box.h"

#include "widgets/theme/theme.h"

#include <QAbstractItemView>
#include <QStyleOptionComboBox>
#include <QStylePainter>
#include <QWheelEvent>

#include <algorithm>

namespace gradloom::widgets {

namespace {

constexpr int margin = 10;
constexpr int arrow = 12;

int widestEntry(const QComboBox& box)
{
    int widest = 0;
    for (int i = 0; i < box.count(); ++i)
        widest = std::max(widest, box.fontMetrics().horizontalAdvance(box.itemText(i)));
    return widest;
}

} // namespace

ChoiceBox::ChoiceBox(QWidget* parent) : QComboBox(parent)
{
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

QSize ChoiceBox::sizeHint() const
{
    return {widestEntry(*this) + 2 * margin + arrow + 10, QComboBox::sizeHint().height()};
}

QSize ChoiceBox::minimumSizeHint() const
{
    return {std::min(sizeHint().width(), 96), sizeHint().height()};
}

void ChoiceBox::showPopup()
{
    view()->setMinimumWidth(widestEntry(*this) + 56); // no entry is cut, however narrow the box
    QComboBox::showPopup();
}

void ChoiceBox::paintEvent(QPaintEvent*)
{
    QStylePainter painter(this);
    QStyleOptionComboBox option;
    initStyleOption(&option);
    option.subControls = QStyle::SC_ComboBoxFrame;
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    const QRect room = rect().adjusted(margin, 0, -margin - arrow - 4, 0);
    painter.setPen(palette().color(isEnabled() ? QPalette::Normal : QPalette::Disabled, QPalette::Text));
    painter.drawText(room, Qt::AlignLeft | Qt::AlignVCenter,
        fontMetrics().elidedText(currentText(), Qt::ElideRight, room.width()));
    const QPixmap chevron =
        themedPixmap("chevron_down", theme().color(Role::TextDim), arrow, devicePixelRatioF());
    painter.drawPixmap(rect().right() - margin + 2 - arrow, rect().center().y() - arrow / 2 + 1, chevron);
}

void ChoiceBox::wheelEvent(QWheelEvent* event)
{
    if (hasFocus())
        QComboBox::wheelEvent(event);
    else
        event->ignore();
}

} // namespace gradloom::widgets
