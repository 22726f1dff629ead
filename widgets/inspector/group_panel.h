#pragma once

#include "widgets/model/graph_model.h"

#include <QWidget>

class QLabel;
class QLineEdit;

namespace gradloom::widgets {

class ParamForm;

/// The selected group: its title, how often it is repeated, and what its layers come to together.
class GroupPanel : public QWidget
{
    Q_OBJECT
public:
    explicit GroupPanel(GraphModel& model, QWidget* parent = nullptr);
    /// Empty for none.
    void setGroup(const std::string& group);
    ParamForm& form() { return *m_form; }
    QLineEdit& titleField() { return *m_title; }
    void focusForm();

private:
    void refresh();
    void showTotals(const graph::Group& group);
    void change(const graph::Group& changed, const QString& title, const QString& mergeKey);
    void setOption(const std::string& key, const ParamValue& value);

    GraphModel& m_model;
    std::string m_group;
    int m_editSession = 0; ///< a new one with every new selection, so that edits merge only within one visit

    QLineEdit* m_title;
    QLabel* m_problem;
    ParamForm* m_form;
    std::vector<std::pair<QWidget*, QLabel*>> m_totals;
};

} // namespace gradloom::widgets
