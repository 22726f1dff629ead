#pragma once

#include "engine/base/param.h"

#include <QAbstractButton>
#include <QComboBox>
#include <QLineEdit>

namespace gradloom::widgets {

/// Fields for one option of each kind. All are as high and look alike, so that a form is one calm column.

/// Numbers, pairs, shapes and text; text whose unit is "file" or "folder" can be chosen in a dialog. Reports while it is typed; what cannot be read is marked and not
/// reported.
class ValueField : public QLineEdit
{
    Q_OBJECT
public:
    ValueField(const ParamSpec& spec, QWidget* parent = nullptr);
    void setValue(const ParamValue& value);

Q_SIGNALS:
    void valueEdited(const gradloom::ParamValue& value);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

private:
    void showValue();
    void readText();
    void choosePath();
    void stepBy(int direction, bool coarse);
    void setProblem(const QString& problem);

    ParamSpec m_spec;
    ParamValue m_value;
    QString m_help;
};

/// A choice with its text at the right, in line with the numbers above and below.
class ChoiceField : public QComboBox
{
    Q_OBJECT
public:
    explicit ChoiceField(QWidget* parent = nullptr);
    void addChoices(const std::vector<ParamChoice>& choices);
    void setValue(const std::string& value);

Q_SIGNALS:
    void valueEdited(const std::string& value);

protected:
    void paintEvent(QPaintEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
};

/// On or off.
class SwitchField : public QAbstractButton
{
    Q_OBJECT
public:
    explicit SwitchField(QWidget* parent = nullptr);
    QSize sizeHint() const override { return {60, 28}; }

protected:
    void paintEvent(QPaintEvent* event) override;
};

} // namespace gradloom::widgets
