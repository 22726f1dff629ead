#include "app/gui/commands.h"

namespace gradloom::gui {

GraphCommand::GraphCommand(
    Document& document, graph::GraphEdit edit, graph::GraphEdit inverse, QString mergeKey)
    : QUndoCommand(QString::fromStdString(edit.title)), m_document(document), m_edit(std::move(edit)),
      m_inverse(std::move(inverse)), m_mergeKey(std::move(mergeKey))
{
}

void GraphCommand::undo()
{
    m_document.applyGraphEdit(m_inverse);
}

void GraphCommand::redo()
{
    m_document.applyGraphEdit(m_edit);
}

bool GraphCommand::mergeWith(const QUndoCommand* later)
{
    const auto* next = dynamic_cast<const GraphCommand*>(later);
    if (!next || next->m_mergeKey != m_mergeKey)
        return false;
    // The inverse of the first leads back to before both: edits with one key set the same thing.
    m_edit = next->m_edit;
    return true;
}

ProjectCommand::ProjectCommand(Document& document, project::Project before, project::Project after,
    const QString& title, QString mergeKey)
    : QUndoCommand(title), m_document(document), m_before(std::move(before)), m_after(std::move(after)),
      m_mergeKey(std::move(mergeKey))
{
}

void ProjectCommand::undo()
{
    m_document.setSettings(m_before);
}

void ProjectCommand::redo()
{
    m_document.setSettings(m_after);
}

bool ProjectCommand::mergeWith(const QUndoCommand* later)
{
    const auto* next = dynamic_cast<const ProjectCommand*>(later);
    if (!next || next->m_mergeKey != m_mergeKey)
        return false;
    m_after = next->m_after;
    return true;
}

} // namespace gradloom::gui
