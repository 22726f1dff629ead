#include "widgets/inspector/param_field.h"

#include "widgets/inspector/param_text.h"
#include "widgets/theme/theme.h"

#include <QAbstractItemView>
#include <QAction>
#include <QFileDialog>
#include <QKeyEvent>
#include <QPainter>
#include <QStyle>
#include <QStyleOptionComboBox>
#include <QStylePainter>
#include <QWheelEvent>

namespace gradloom::widgets {

ValueField::ValueField(const ParamSpec& spec, QWidget* parent)
    : QLineEdit(parent), m_spec(spec), m_value(spec.defaultValue), m_help(QString::fromStdString(spec.help))
{
    setProperty("look", "field");
    setAlignment(spec.kind == ParamKind::Text ? Qt::AlignLeft : Qt::AlignRight);
    setToolTip(m_help);
    connect(this, &QLineEdit::textEdited, this, &ValueField::readText);
    if (spec.kind == ParamKind::Text && (spec.unit == "file" || spec.unit == "folder")) {
        auto* choose = addAction(style()->standardIcon(QStyle::SP_DirOpenIcon), QLineEdit::TrailingPosition);
        choose->setToolTip(spec.unit == "file" ? tr("Choose a file") : tr("Choose a folder"));
        connect(choose, &QAction::triggered, this, &ValueField::choosePath);
    }
}

void ValueField::choosePath()
{
    const QString path =
        m_spec.unit == "file"
            ? QFileDialog::getOpenFileName(this, QString::fromStdString(m_spec.title), text())
            : QFileDialog::getExistingDirectory(this, QString::fromStdString(m_spec.title), text());
    if (path.isEmpty())
        return;
    setText(path);
    readText();
}

void ValueField::setValue(const ParamValue& value)
{
    const bool same = value == m_value && !text().isEmpty();
    m_value = value;
    // While someone types "3x" the field is theirs; it is put in order when they leave.
    if (hasFocus() && same)
        return;
    const auto typed = parseParam(m_spec, text());
    if (hasFocus() && typed && *typed == value)
        return;
    showValue();
}

void ValueField::showValue()
{
    setText(paramText(m_value));
    setProblem({});
    // A long path is read from its beginning while nobody works in it.
    if (m_spec.kind == ParamKind::Text && !hasFocus())
        setCursorPosition(0);
}

void ValueField::readText()
{
    const auto value = parseParam(m_spec, text());
    setProblem(value ? QString() : QString::fromStdString(value.error().message));
    if (!value || *value == m_value)
        return;
    m_value = *value;
    Q_EMIT valueEdited(m_value);
}

void ValueField::stepBy(int direction, bool coarse)
{
    const ParamValue next = steppedParam(m_spec, m_value, direction, coarse);
    if (next == m_value)
        return;
    m_value = next;
    showValue();
    Q_EMIT valueEdited(m_value);
}

void ValueField::setProblem(const QString& problem)
{
    const bool invalid = !problem.isEmpty();
    const bool cut = m_spec.kind == ParamKind::Text && fontMetrics().horizontalAdvance(text()) > width() - 20;
    setToolTip(invalid ? problem : cut ? text() + QLatin1Char('\n') + m_help : m_help);
    if (property("invalid").toBool() == invalid)
        return;
    setProperty("invalid", invalid);
    style()->unpolish(this);
    style()->polish(this);
}

void ValueField::keyPressEvent(QKeyEvent* event)
{
    if (m_spec.kind != ParamKind::Text && (event->key() == Qt::Key_Up || event->key() == Qt::Key_Down)) {
        stepBy(event->key() == Qt::Key_Up ? 1 : -1, event->modifiers() & Qt::ShiftModifier);
        return;
    }
    if (event->key() == Qt::Key_Escape) {
        showValue();
        return;
    }
    QLineEdit::keyPressEvent(event);
}

void ValueField::wheelEvent(QWheelEvent* event)
{
    // Only the field one works in turns with the wheel; otherwise the panel scrolls.
    if (!hasFocus() || m_spec.kind == ParamKind::Text) {
        event->ignore();
        return;
    }
    stepBy(event->angleDelta().y() > 0 ? 1 : -1, event->modifiers() & Qt::ShiftModifier);
}

void ValueField::focusInEvent(QFocusEvent* event)
{
    QLineEdit::focusInEvent(event);
    if (event->reason() == Qt::TabFocusReason || event->reason() == Qt::BacktabFocusReason)
        selectAll();
}

void ValueField::focusOutEvent(QFocusEvent* event)
{
    QLineEdit::focusOutEvent(event);
    showValue();
}

ChoiceField::ChoiceField(QWidget* parent) : QComboBox(parent)
{
    setFocusPolicy(Qt::StrongFocus);
    setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    setMinimumContentsLength(4);
    connect(this, &QComboBox::activated, this,
        [this](int index) { Q_EMIT valueEdited(itemData(index).toString().toStdString()); });
}

void ChoiceField::addChoices(const std::vector<ParamChoice>& choices)
{
    for (const auto& choice : choices)
        addItem(QString::fromStdString(choice.title), QString::fromStdString(choice.value));
    // The list may be wider than the field, so that no title is cut.
    int widest = 0;
    for (int i = 0; i < count(); ++i)
        widest = std::max(widest, fontMetrics().horizontalAdvance(itemText(i)));
    view()->setMinimumWidth(widest + 56);
}

void ChoiceField::setValue(const std::string& value)
{
    setCurrentIndex(findData(QString::fromStdString(value)));
}

void ChoiceField::paintEvent(QPaintEvent*)
{
    QStylePainter painter(this);
    QStyleOptionComboBox option;
    initStyleOption(&option);
    option.subControls = QStyle::SC_ComboBoxFrame;
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    const int arrow = 12;
    const QRect room = rect().adjusted(9, 0, -9 - arrow - 3, 0);
    painter.setPen(palette().color(isEnabled() ? QPalette::Normal : QPalette::Disabled, QPalette::Text));
    painter.drawText(room, Qt::AlignRight | Qt::AlignVCenter,
        fontMetrics().elidedText(currentText(), Qt::ElideRight, room.width()));
    const QPixmap chevron =
        themedPixmap("chevron_down", theme().color(Role::TextDim), arrow, devicePixelRatioF());
    painter.drawPixmap(rect().right() - 8 - arrow, rect().center().y() - arrow / 2 + 1, chevron);
}

void ChoiceField::wheelEvent(QWheelEvent* event)
{
    if (hasFocus())
        QComboBox::wheelEvent(event);
    else
        event->ignore();
}

SwitchField::SwitchField(QWidget* parent) : QAbstractButton(parent)
{
    setCheckable(true);
    setFocusPolicy(Qt::StrongFocus);
    setCursor(Qt::PointingHandCursor);
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void SwitchField::paintEvent(QPaintEvent*)
{
    const Theme& colours = theme();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF track(width() - 34, height() / 2.0 - 9, 34, 18);
    painter.setPen(hasFocus() ? QPen(colours.color(isChecked() ? Role::Text : Role::Accent), 1.2)
                              : QPen(colours.color(isChecked() ? Role::Accent : Role::Border), 1));
    painter.setBrush(colours.color(isChecked() ? Role::Accent : Role::Raised));
    painter.drawRoundedRect(track.adjusted(0.5, 0.5, -0.5, -0.5), 9, 9);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colours.color(isChecked() ? Role::AccentText : Role::TextDim));
    painter.drawEllipse(
        QPointF(isChecked() ? track.right() - 9 : track.left() + 9, track.center().y()), 5.5, 5.5);
}

} // namespace gradloom::widgets
