#pragma once

#include "app/gui/document.h"

#include <QUndoCommand>

namespace gradloom::gui {

/// A change of the drawing for QUndoStack. It holds the edit and its inverse; undo itself is the engine's.
class GraphCommand : public QUndoCommand
{
public:
    GraphCommand(Document& document, graph::GraphEdit edit, graph::GraphEdit inverse, QString mergeKey);
    void undo() override;
    void redo() override;
    int id() const override { return m_mergeKey.isEmpty() ? -1 : 1; }
    bool mergeWith(const QUndoCommand* later) override;

private:
    Document& m_document;
    graph::GraphEdit m_edit;
    graph::GraphEdit m_inverse;
    QString m_mergeKey;
};

/// A change of anything else in the project: holds the settings before and after, without the drawing.
class ProjectCommand : public QUndoCommand
{
public:
    ProjectCommand(Document& document, project::Project before, project::Project after, const QString& title,
        QString mergeKey);
    void undo() override;
    void redo() override;
    int id() const override { return m_mergeKey.isEmpty() ? -1 : 2; }
    bool mergeWith(const QUndoCommand* later) override;

private:
    Document& m_document;
    project::Project m_before;
    project::Project m_after;
    QString m_mergeKey;
};

} // namespace gradloom::gui
