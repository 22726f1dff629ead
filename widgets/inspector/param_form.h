#pragma once

#include "engine/base/param.h"

#include <QWidget>

#include <vector>

class QFormLayout;
class QLabel;
class QVBoxLayout;

namespace gradloom::widgets {

/// A form made of declarations: a label at the left, a compact field at the right, help in the tooltips. Used
/// for layers, optimizers, schedules and data sources alike.
class ParamForm : public QWidget
{
    Q_OBJECT
public:
    explicit ParamForm(QWidget* parent = nullptr);

    /// Builds the fields; nothing happens when the declarations are the ones that are already shown.
    void setSpecs(const std::vector<ParamSpec>& specs);
    /// Shows values; what is not among them is shown with its default.
    void setValues(const Params& values);
    QWidget* field(const std::string& key) const;
    bool isEmpty() const { return m_rows.empty(); }

Q_SIGNALS:
    void edited(const std::string& key, const gradloom::ParamValue& value);

private:
    struct Row
    {
        ParamSpec spec;
        QWidget* field = nullptr;
    };
    QWidget* makeField(const ParamSpec& spec);
    void showValue(const Row& row, const ParamValue& value);

    std::vector<Row> m_rows;
    QVBoxLayout* m_layout;
    QWidget* m_content = nullptr;
};

/// One row as in the form: label left, widget of the common width right. Also for values that are only shown.
QWidget* formRow(const QString& label, QWidget* field, const QString& help = {});
/// A field that only shows.
QLabel* valueLabel();
/// A small heading above rows.
QLabel* sectionLabel(const QString& text);

inline constexpr int fieldWidth = 122;

} // namespace gradloom::widgets
