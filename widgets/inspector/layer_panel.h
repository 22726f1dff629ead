#pragma once

#include "widgets/model/graph_model.h"

#include <QWidget>

class QLabel;
class QLineEdit;

namespace gradloom::widgets {

class ParamForm;

/// What is known of the selected layer, and its options to edit. Without a selection it describes the whole
/// model.
class LayerPanel : public QWidget
{
    Q_OBJECT
public:
    explicit LayerPanel(GraphModel& model, QWidget* parent = nullptr);
    void setSelection(const std::vector<std::string>& nodes);
    ParamForm& form() { return *m_form; }
    QLineEdit& nameField() { return *m_name; }
    /// Puts the keyboard into the first option.
    void focusForm();

Q_SIGNALS:
    void renamed(const std::string& newId);

private:
    void refresh();
    void showNode(const graph::Node& node);
    void showModel();
    void showShape(const std::vector<std::pair<QString, QString>>& rows);
    void rename();
    void setParameter(const std::string& key, const ParamValue& value);

    GraphModel& m_model;
    std::vector<std::string> m_selection;
    int m_editSession = 0; ///< a new one with every new selection, so that edits merge only within one visit

    QLabel* m_dot;
    QLabel* m_title;
    QLineEdit* m_name;
    QLabel* m_help;
    QLabel* m_problem;
    ParamForm* m_form;
    QLabel* m_shapeHeading;
    QWidget* m_shape;
    std::vector<std::pair<QLabel*, QLabel*>> m_shapeRows;
    QLabel* m_howHeading;
    QLabel* m_formula;
};

} // namespace gradloom::widgets
