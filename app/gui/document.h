#pragma once

#include "widgets/model/graph_model.h"

#include <QTimer>
#include <QUndoStack>

#include <filesystem>
#include <memory>
#include <optional>

namespace gradloom::gui {

class Autosave;

/// The project that is open: its content with what is known about it, undo, file and autosave.
class Document : public widgets::GraphModel
{
    Q_OBJECT
public:
    explicit Document(QObject* parent = nullptr);
    ~Document() override;

    const project::Project& project() const override { return m_project; }
    const graph::Analysis& analysis() const override { return m_analysis; }
    Status edit(const graph::GraphEdit& edit, const QString& mergeKey = {}) override;
    void editProject(const QString& title, const std::function<void(project::Project&)>& change,
        const QString& mergeKey = {}) override;

    QUndoStack& undoStack() { return m_undo; }
    bool isModified() const { return !m_undo.isClean() || m_recovered; }
    /// Where the project is stored; empty for one that never was.
    const std::filesystem::path& path() const { return m_path; }
    /// The file's name, or a name for a project without one.
    QString fileName() const;

    /// An empty project with an Input node, ready to be drawn on.
    void newProject();
    Status open(const std::filesystem::path& path);
    Status save();
    Status saveAs(const std::filesystem::path& path);
    /// Takes the content of a side file that a crash left behind; it counts as changed.
    Status recover(const std::filesystem::path& sideFile, const std::filesystem::path& origin);

    /// Changes with every change of the drawing; a training run remembers it to know that it is stale.
    int graphRevision() const { return m_graphRevision; }

Q_SIGNALS:
    void titleChanged();
    /// The side file was written.
    void autosaved();
    void autosaveFailed(const QString& message);
    /// Another project is shown now.
    void projectReplaced();

private:
    friend class GraphCommand;
    friend class ProjectCommand;
    void applyGraphEdit(const graph::GraphEdit& edit);
    void setSettings(const project::Project& settings);
    void afterGraphChange();
    void replace(project::Project project, std::filesystem::path path);
    void writeSideFile();

    project::Project m_project;
    graph::Analysis m_analysis;
    QUndoStack m_undo;
    std::filesystem::path m_path;
    std::unique_ptr<Autosave> m_autosave;
    QTimer m_autosaveTimer;
    int m_graphRevision = 0;
    bool m_recovered = false;
};

QString toQString(const std::filesystem::path& path);
std::filesystem::path toPath(const QString& path);

} // namespace gradloom::gui
