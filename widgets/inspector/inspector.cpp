#include "widgets/inspector/inspector.h"

#include "widgets/inspector/group_panel.h"
#include "widgets/inspector/layer_panel.h"
#include "widgets/inspector/param_form.h"
#include "widgets/inspector/training_panel.h"

#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QScrollArea>
#include <QStackedWidget>
#include <QTabBar>
#include <QVBoxLayout>

namespace gradloom::widgets {

Inspector::Inspector(GraphModel& model, QWidget* parent)
    : QFrame(parent), m_model(model), m_tabs(new QTabBar), m_pages(new QStackedWidget),
      m_layer(new LayerPanel(model)), m_group(new GroupPanel(model)), m_training(new TrainingPanel(model)),
      m_name(new QLineEdit), m_notes(new QPlainTextEdit)
{
    setProperty("look", "right");
    setMinimumWidth(250);
    m_tabs->setExpanding(false);
    m_tabs->setDrawBase(false);
    m_tabs->setAccessibleName(tr("Inspector"));
    auto* line = new QFrame;
    line->setFixedHeight(1);
    line->setProperty("look", "rule");
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_tabs);
    layout->addWidget(line);
    layout->addWidget(m_pages, 1);
    auto* selected = new QWidget;
    auto* parts = new QVBoxLayout(selected);
    parts->setContentsMargins(0, 0, 0, 0);
    parts->addWidget(m_layer);
    parts->addWidget(m_group);
    m_group->hide();
    addTab(tr("Layer"), selected);
    addTab(tr("Training"), m_training);
    addTab(tr("Notes"), makeNotes());
    connect(m_tabs, &QTabBar::currentChanged, m_pages, &QStackedWidget::setCurrentIndex);
    connect(&model, &GraphModel::projectChanged, this, &Inspector::refreshNotes);
    refreshNotes();
}

void Inspector::addTab(const QString& title, QWidget* content)
{
    auto* scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidget(content);
    scroll->viewport()->setAutoFillBackground(false);
    content->setAutoFillBackground(false);
    m_pages->addWidget(scroll);
    m_tabs->addTab(title);
}

QWidget* Inspector::makeNotes()
{
    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(14, 4, 12, 14);
    layout->setSpacing(8);
    m_name->setAccessibleName(tr("Name of the project"));
    m_name->setPlaceholderText(tr("Name of the project"));
    m_notes->setAccessibleName(tr("Notes"));
    m_notes->setPlaceholderText(tr("What this network is for, what was tried, what comes next …"));
    m_notes->setTabChangesFocus(true);
    layout->addWidget(sectionLabel(tr("Name")));
    layout->addWidget(m_name);
    layout->addWidget(sectionLabel(tr("Notes")));
    layout->addWidget(m_notes, 1);
    connect(m_name, &QLineEdit::textEdited, this, [this](const QString& text) {
        m_model.editProject(
            tr("Rename project"), [&](project::Project& p) { p.name = text.toStdString(); }, "name");
    });
    connect(m_notes, &QPlainTextEdit::textChanged, this, [this] {
        const std::string text = m_notes->toPlainText().toStdString();
        if (text != m_model.project().description)
            m_model.editProject(
                tr("Edit notes"), [&](project::Project& p) { p.description = text; }, "notes");
    });
    return page;
}

void Inspector::refreshNotes()
{
    const auto& project = m_model.project();
    const QString name = QString::fromStdString(project.name);
    if (m_name->text() != name)
        m_name->setText(name);
    const QString notes = QString::fromStdString(project.description);
    if (m_notes->toPlainText() != notes)
        m_notes->setPlainText(notes);
}

void Inspector::setSelection(const std::vector<std::string>& nodes, const std::string& group)
{
    m_layer->setSelection(nodes);
    m_group->setGroup(group);
    m_layer->setVisible(group.empty());
    m_group->setVisible(!group.empty());
    m_tabs->setTabText(Layer, group.empty() ? tr("Layer") : tr("Block"));
}

void Inspector::focusForm()
{
    if (m_group->isVisibleTo(this))
        m_group->focusForm();
    else
        m_layer->focusForm();
}

void Inspector::showTab(Tab tab)
{
    m_tabs->setCurrentIndex(tab);
}

} // namespace gradloom::widgets
