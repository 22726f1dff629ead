#include "app/gui/document.h"

#include "app/gui/autosave.h"
#include "app/gui/commands.h"

#include <stdexcept>

namespace gradloom::gui {

QString toQString(const std::filesystem::path& path)
{
    return QString::fromStdString(path.string());
}

std::filesystem::path toPath(const QString& path)
{
    return {path.toStdString()};
}

Document::Document(QObject* parent) : widgets::GraphModel(parent), m_autosave(std::make_unique<Autosave>())
{
    m_undo.setUndoLimit(500);
    m_autosaveTimer.setSingleShot(true);
    m_autosaveTimer.setInterval(3000);
    connect(&m_autosaveTimer, &QTimer::timeout, this, &Document::writeSideFile);
    connect(&m_undo, &QUndoStack::cleanChanged, this, &Document::titleChanged);
    connect(&m_undo, &QUndoStack::indexChanged, this, [this] {
        if (isModified())
            m_autosaveTimer.start();
        else
            m_autosave->remove();
    });
    m_analysis = graph::analyse(m_project.graph);
}

Document::~Document()
{
    // The stack reports while it is emptied, when half of the document is gone already.
    m_undo.disconnect(this);
}

QString Document::fileName() const
{
    return m_path.empty() ? tr("untitled.gradloom.json") : toQString(m_path.filename());
}

Status Document::edit(const graph::GraphEdit& edit, const QString& mergeKey)
{
    graph::Graph trial = m_project.graph;
    auto inverse = graph::apply(trial, edit);
    if (!inverse)
        return inverse.error();
    if (trial == m_project.graph)
        return {};
    m_undo.push(new GraphCommand(*this, edit, std::move(*inverse), mergeKey));
    return {};
}

void Document::applyGraphEdit(const graph::GraphEdit& edit)
{
    if (auto applied = graph::apply(m_project.graph, edit); !applied)
        throw std::logic_error("a recorded edit no longer applies: " + applied.error().message);
    afterGraphChange();
}

void Document::afterGraphChange()
{
    ++m_graphRevision;
    m_analysis = graph::analyse(m_project.graph);
    Q_EMIT graphChanged();
    Q_EMIT analysisChanged();
}

void Document::editProject(
    const QString& title, const std::function<void(project::Project&)>& change, const QString& mergeKey)
{
    project::Project before = m_project;
    before.graph = {};
    project::Project after = before;
    change(after);
    after.graph = {};
    if (!(after == before))
        m_undo.push(new ProjectCommand(*this, std::move(before), std::move(after), title, mergeKey));
}

void Document::setSettings(const project::Project& settings)
{
    graph::Graph kept = std::move(m_project.graph);
    m_project = settings;
    m_project.graph = std::move(kept);
    Q_EMIT projectChanged();
}

void Document::replace(project::Project project, std::filesystem::path path)
{
    m_autosaveTimer.stop();
    m_autosave->remove();
    m_project = std::move(project);
    m_path = std::move(path);
    m_recovered = false;
    m_undo.clear();
    afterGraphChange();
    Q_EMIT projectChanged();
    Q_EMIT titleChanged();
    Q_EMIT projectReplaced();
}

void Document::newProject()
{
    project::Project project;
    project.graph.nodes.push_back({project.graph.freshId("input"), "input", {}, {0, 0}});
    replace(std::move(project), {});
}

Status Document::open(const std::filesystem::path& path)
{
    auto loaded = project::loadProject(path);
    if (!loaded)
        return loaded.error();
    std::error_code ignored;
    const auto whole = std::filesystem::absolute(path, ignored);
    replace(std::move(*loaded), ignored ? path : whole);
    return {};
}

Status Document::save()
{
    return saveAs(m_path);
}

Status Document::saveAs(const std::filesystem::path& path)
{
    if (auto saved = project::saveProject(m_project, path); !saved)
        return saved;
    m_path = path;
    m_recovered = false;
    m_autosaveTimer.stop();
    m_autosave->remove();
    m_undo.setClean();
    Q_EMIT titleChanged();
    return {};
}

Status Document::recover(const std::filesystem::path& sideFile, const std::filesystem::path& origin)
{
    auto loaded = project::loadProject(sideFile);
    if (!loaded)
        return loaded.error();
    replace(std::move(*loaded), origin);
    m_recovered = true;
    writeSideFile();
    Q_EMIT titleChanged();
    return {};
}

void Document::writeSideFile()
{
    if (!isModified())
        return;
    if (const Status written = m_autosave->write(m_project, m_path); written)
        Q_EMIT autosaved();
    else
        Q_EMIT autosaveFailed(QString::fromStdString(written.error().message));
}

} // namespace gradloom::gui
