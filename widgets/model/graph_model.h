#pragma once

#include "engine/graph/analysis.h"
#include "engine/project/project.h"

#include <QObject>

#include <functional>

namespace gradloom::widgets {

/// What canvas, inspector and palette show and change: a project with what is known about its drawing. The
/// program's Document implements it with undo, file and autosave. GUI thread only.
class GraphModel : public QObject
{
    Q_OBJECT
public:
    using QObject::QObject;

    virtual const project::Project& project() const = 0;
    virtual const graph::Analysis& analysis() const = 0;
    const graph::Graph& graph() const { return project().graph; }

    /// Applies an edit as one step of undo; an edit that cannot be applied changes nothing and says why. An
    /// edit with the key of the step before it is merged into that step: typing a number is one step and not
    /// one per digit.
    virtual Status edit(const graph::GraphEdit& edit, const QString& mergeKey = {}) = 0;
    /// Changes anything of the project but the drawing, as one step of undo.
    virtual void editProject(const QString& title, const std::function<void(project::Project&)>& change,
        const QString& mergeKey = {}) = 0;

Q_SIGNALS:
    /// Nodes, edges, positions or options are different now.
    void graphChanged();
    /// Follows every graphChanged().
    void analysisChanged();
    /// Name, description, data or training are different now.
    void projectChanged();
};

} // namespace gradloom::widgets
