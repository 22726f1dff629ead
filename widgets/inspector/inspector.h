#pragma once

#include "widgets/model/graph_model.h"

#include <QFrame>

class QPlainTextEdit;
class QLineEdit;
class QTabBar;
class QStackedWidget;

namespace gradloom::widgets {

class GroupPanel;
class LayerPanel;
class TrainingPanel;

/// The right side: tabs with the selected layer's options, how it is trained, and notes.
class Inspector : public QFrame
{
    Q_OBJECT
public:
    enum Tab { Layer, Training, Notes };

    explicit Inspector(GraphModel& model, QWidget* parent = nullptr);
    /// `group` is the selected group; with one the nodes do not matter.
    void setSelection(const std::vector<std::string>& nodes, const std::string& group = {});
    void showTab(Tab tab);
    LayerPanel& layerPanel() { return *m_layer; }
    GroupPanel& groupPanel() { return *m_group; }
    /// Puts the keyboard into the first option of what is selected.
    void focusForm();
    TrainingPanel& trainingPanel() { return *m_training; }

private:
    QWidget* makeNotes();
    void addTab(const QString& title, QWidget* content);
    void refreshNotes();

    GraphModel& m_model;
    QTabBar* m_tabs;
    QStackedWidget* m_pages;
    LayerPanel* m_layer;
    GroupPanel* m_group;
    TrainingPanel* m_training;
    QLineEdit* m_name;
    QPlainTextEdit* m_notes;
};

} // namespace gradloom::widgets
