#include "widgets/inspector/param_form.h"

#include "widgets/inspector/param_field.h"
#include "widgets/inspector/param_text.h"
#include "widgets/theme/elided_label.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>

namespace gradloom::widgets {

namespace {

bool sameSpec(const ParamSpec& a, const ParamSpec& b)
{
    const auto sameChoice = [](const ParamChoice& x, const ParamChoice& y) {
        return x.value == y.value && x.title == y.title;
    };
    return a.key == b.key && a.title == b.title && a.kind == b.kind && a.minimum == b.minimum &&
           a.maximum == b.maximum && a.help == b.help && a.unit == b.unit &&
           std::equal(a.choices.begin(), a.choices.end(), b.choices.begin(), b.choices.end(), sameChoice);
}

} // namespace

QWidget* formRow(const QString& label, QWidget* field, const QString& help)
{
    auto* row = new QWidget;
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(8);
    auto* text = new ElidedLabel(label);
    text->setProperty("look", "dim");
    text->setToolTip(help.isEmpty() ? label : help);
    text->setBuddy(field);
    field->setAccessibleName(label);
    field->setAccessibleDescription(help);
    field->setFixedWidth(fieldWidth);
    layout->addWidget(text, 1);
    layout->addWidget(field);
    row->setFixedHeight(28);
    return row;
}

QLabel* valueLabel()
{
    auto* label = new QLabel;
    label->setProperty("look", "value");
    label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    label->setFixedHeight(28);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

QLabel* sectionLabel(const QString& text)
{
    auto* label = new QLabel(text.toUpper());
    label->setProperty("look", "section");
    label->setContentsMargins(0, 10, 0, 0);
    return label;
}

ParamForm::ParamForm(QWidget* parent) : QWidget(parent), m_layout(new QVBoxLayout(this))
{
    m_layout->setContentsMargins(0, 0, 0, 0);
}

void ParamForm::setSpecs(const std::vector<ParamSpec>& specs)
{
    const bool same =
        m_content && std::equal(specs.begin(), specs.end(), m_rows.begin(), m_rows.end(),
                         [](const ParamSpec& spec, const Row& row) { return sameSpec(spec, row.spec); });
    if (same)
        return;
    if (m_content) {
        m_layout->removeWidget(m_content);
        m_content->hide();
        m_content->deleteLater();
    }
    m_rows.clear();
    m_content = new QWidget;
    auto* rows = new QVBoxLayout(m_content);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(8);
    for (const auto& spec : specs) {
        QString help = QString::fromStdString(spec.help);
        if (!spec.unit.empty())
            help += QStringLiteral(" [%1]").arg(QString::fromStdString(spec.unit));
        QWidget* field = makeField(spec);
        field->setObjectName(QString::fromStdString(spec.key));
        m_rows.push_back({spec, field});
        rows->addWidget(formRow(QString::fromStdString(spec.title), field, help));
        showValue(m_rows.back(), spec.defaultValue);
    }
    m_layout->addWidget(m_content);
}

QWidget* ParamForm::makeField(const ParamSpec& spec)
{
    const std::string key = spec.key;
    if (spec.kind == ParamKind::Switch) {
        auto* field = new SwitchField;
        connect(field, &QAbstractButton::clicked, this, [this, key](bool on) { Q_EMIT edited(key, on); });
        return field;
    }
    if (spec.kind == ParamKind::Choice) {
        auto* field = new ChoiceField;
        field->addChoices(spec.choices);
        field->setToolTip(QString::fromStdString(spec.help));
        connect(field, &ChoiceField::valueEdited, this,
            [this, key](const std::string& value) { Q_EMIT edited(key, value); });
        return field;
    }
    auto* field = new ValueField(spec);
    connect(field, &ValueField::valueEdited, this,
        [this, key](const ParamValue& value) { Q_EMIT edited(key, value); });
    return field;
}

void ParamForm::showValue(const Row& row, const ParamValue& value)
{
    if (auto* field = qobject_cast<SwitchField*>(row.field))
        field->setChecked(std::holds_alternative<bool>(value) && std::get<bool>(value));
    else if (auto* choice = qobject_cast<ChoiceField*>(row.field))
        choice->setValue(
            std::holds_alternative<std::string>(value) ? std::get<std::string>(value) : std::string());
    else if (auto* text = qobject_cast<ValueField*>(row.field))
        text->setValue(value);
}

void ParamForm::setValues(const Params& values)
{
    for (const auto& row : m_rows) {
        const ParamValue* value = values.find(row.spec.key);
        const auto checked =
            value ? checkParam(row.spec, *value, row.spec.title) : Result<ParamValue>(row.spec.defaultValue);
        showValue(row, checked ? *checked : row.spec.defaultValue);
    }
}

QWidget* ParamForm::field(const std::string& key) const
{
    for (const auto& row : m_rows)
        if (row.spec.key == key)
            return row.field;
    return nullptr;
}

} // namespace gradloom::widgets
