#include "app/gui/run_controller.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/explain/explain_page.h"
#include "widgets/live/tensor_image.h"
#include "widgets/live/train_panel.h"
#include "widgets/shell/run_bar.h"
#include "widgets/shell/status_line.h"
#include "widgets/shell/top_bar.h"

#include <QMessageBox>
#include <QRegularExpression>
#include <QStandardPaths>

namespace gradloom::gui {

using namespace widgets;
using Page = MainWindow::Page;

namespace {

constexpr int mapsInNode = 8;
/// Milliseconds. The estimate of the time that is left moves with every step; nobody could read it so fast.
constexpr int progressInterval = 500;
constexpr QSize stripSize(512, 60);

/// The picture for an Input node that takes pictures, a strip of maps for what has maps, nothing for the rest.
QImage nodeImage(const graph::Graph& graph, const train::Activation& activation)
{
    const graph::Node* node = graph.find(activation.node);
    if (!node)
        return {};
    if (node->type == "input" && activation.values.shape().rank() == 3)
        return inputPicture(activation.values);
    return activationStrip(activation.values, mapsInNode, stripSize);
}

} // namespace

RunController::RunController(MainWindow& window) : QObject(&window), m_window(window)
{
    m_window.addPage(Page::Train, [this] { return makeTrainPanel(); });
    m_window.addPage(Page::Explain, [this] { return makeExplainPage(); });
    connectRunBar();
    connect(&m_window.document(), &Document::projectReplaced, this, &RunController::forget);
    connect(&m_window.document(), &Document::graphChanged, this, &RunController::markStale);
    connect(&m_window.canvas().canvasScene(), &CanvasScene::nodeSelectionChanged, this, [this] {
        const auto selected = m_window.canvas().canvasScene().selectedNodes();
        if (m_panel && selected.size() == 1)
            m_panel->selectNode(QString::fromStdString(selected.front()));
    });
}

RunController::~RunController() = default;

void RunController::connectRunBar()
{
    RunBar& bar = m_window.runBar();
    connect(&bar, &RunBar::trainRequested, this, &RunController::start);
    connect(&bar, &RunBar::pauseRequested, this, [this] { m_session->pause(); });
    connect(&bar, &RunBar::resumeRequested, this, [this] { m_session->resume(); });
    connect(&bar, &RunBar::stepRequested, this, [this] { m_session->step(); });
    connect(&bar, &RunBar::stopRequested, this, [this] { m_session->stop(); });
}

QWidget* RunController::makeTrainPanel()
{
    m_panel = new TrainPanel;
    connectPanel();
    m_panel->setSession(m_session, m_session ? m_project : m_window.document().project());
    return m_panel;
}

void RunController::connectPanel()
{
    connect(m_panel, &TrainPanel::stepPublished, this, &RunController::showProgress);
    connect(m_panel, &TrainPanel::snapshotPublished, this,
        [this](const std::shared_ptr<const train::Snapshot>& snapshot) { showSnapshot(*snapshot); });
    connect(m_panel, &TrainPanel::epochPublished, this, &RunController::updateExplain);
    connect(m_panel, &TrainPanel::stateChanged, this, &RunController::showState);
    connect(m_panel, &TrainPanel::finished, this, &RunController::showResult);
    connect(m_panel, &TrainPanel::nodeSelected, this,
        [this](const QString& node) { m_window.canvas().showNode(node.toStdString()); });
}

QWidget* RunController::makeExplainPage()
{
    m_explain = new ExplainPage;
    m_explain->setDevice(m_window.device());
    connect(&m_window, &MainWindow::deviceChanged, m_explain, &ExplainPage::setDevice);
    connect(m_explain, &ExplainPage::trainRequested, this, &RunController::start);
    connect(m_explain, &ExplainPage::statusChanged, this,
        [this](const QString& text) { m_window.statusLine().setMessage(text); });
    updateExplain();
    return m_explain;
}

bool RunController::running() const
{
    return m_session && !m_session->result();
}

std::filesystem::path RunController::runFolder(const project::Project& project) const
{
    // One folder a project: the next run replaces the last one's files.
    QString name = QString::fromStdString(project.name).toLower();
    name.replace(QRegularExpression("[^a-z0-9]+"), "_");
    const QString base = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
    return toPath(base + "/runs/" + (name.isEmpty() ? QStringLiteral("project") : name));
}

void RunController::start()
{
    if (running())
        return;
    m_window.showPage(Page::Train); // before the session begins, so that the panel gets it once
    if (m_window.waitsForDevice()) {
        waitOrNot();
        return;
    }
    m_project = m_window.document().project();
    m_revision = m_window.document().graphRevision();
    m_stale = false;
    train::SessionOptions options;
    options.device = m_window.device();
    options.outDir = runFolder(m_project);
    options.giveWay = true;
    options.projectFolder = m_window.document().path().parent_path();
    m_session = std::make_shared<train::TrainSession>(m_project, options);
    m_window.canvas().clearActivations();
    m_window.runBar().setState(RunBar::State::Running);
    m_window.runBar().setProgress(0, tr("loading data"));
    m_progressShown.invalidate();
    m_window.statusLine().setMessage({});
    m_panel->setSession(m_session, m_project);
}

void RunController::waitOrNot()
{
    if (stopWaiting()) {
        m_window.statusLine().setMessage(tr("Training is taken back"));
        return;
    }
    connect(&m_window, &MainWindow::deviceChanged, this, &RunController::start, Qt::SingleShotConnection);
    m_window.statusLine().setMessage(tr("Training begins when the GPU is found; choose the CPU in the device "
                                        "menu to begin now. Press Train again to take it back."));
}

bool RunController::stopWaiting()
{
    return disconnect(&m_window, &MainWindow::deviceChanged, this, &RunController::start);
}

void RunController::forget()
{
    stopWaiting();
    if (m_panel)
        m_panel->setSession(nullptr, m_window.document().project());
    m_session.reset();
    m_project = {};
    m_data.reset();
    m_loading = false;
    ++m_dataSerial;
    m_window.runBar().setState(RunBar::State::Idle);
    if (m_explain) {
        m_explain->setWeights(nullptr);
        m_explain->setData(nullptr);
        updateExplain();
    }
}

void RunController::showProgress()
{
    const auto& history = m_panel->history();
    if (m_progressShown.isValid() && !m_progressShown.hasExpired(progressInterval))
        return;
    if (history.steps().empty() || history.totalSteps() <= 0 || history.stepsPerEpoch() <= 0)
        return;
    m_progressShown.start();
    const int64_t step = history.steps().back().step;
    const int64_t epochs = (history.totalSteps() + history.stepsPerEpoch() - 1) / history.stepsPerEpoch();
    QString text = tr("epoch %1/%2").arg(history.steps().back().epoch + 1).arg(epochs);
    if (const auto left = history.secondsLeft())
        text = tr("%1 · %2 left").arg(text, durationText(*left));
    m_window.runBar().setProgress(static_cast<double>(step) / static_cast<double>(history.totalSteps()), text);
}

void RunController::showSnapshot(const train::Snapshot& snapshot)
{
    for (const auto& activation : snapshot.activations) {
        const QImage image = nodeImage(m_project.graph, activation);
        if (!image.isNull())
            m_window.canvas().setActivation(activation.node, image);
    }
}

void RunController::showState(train::State state)
{
    RunBar& bar = m_window.runBar();
    if (state == train::State::Running || state == train::State::Preparing)
        bar.setState(RunBar::State::Running);
    else if (state == train::State::Paused) {
        m_progressShown.invalidate(); // nothing follows that would make up for what was left out
        showProgress();
        bar.setState(RunBar::State::Paused);
    } else
        bar.setState(RunBar::State::Idle);
}

void RunController::showResult(const train::SessionResult& result)
{
    m_window.runBar().setState(RunBar::State::Idle);
    updateExplain();
    if (result.error) {
        if (!result.error->node.empty())
            m_window.canvas().showNode(result.error->node);
        auto* box = new QMessageBox(
            QMessageBox::Warning, tr("Training"), tr("The training ended."), QMessageBox::Ok, &m_window);
        box->setAttribute(Qt::WA_DeleteOnClose);
        box->setInformativeText(QString::fromStdString(result.error->message));
        box->open(); // does not stop the window's own events
    } else {
        const auto folder = runFolder(m_project);
        m_window.statusLine().setMessage(tr("Weights in %1").arg(toQString(folder)));
    }
    Q_EMIT finished(result);
}

void RunController::markStale()
{
    if (!running() || m_stale || m_window.document().graphRevision() == m_revision)
        return;
    m_stale = true;
    m_window.statusLine().setMessage(tr("This run trains the drawing as it was when it began"));
}

void RunController::updateExplain()
{
    if (!m_explain)
        return;
    const project::Project& project = m_session ? m_project : m_window.document().project();
    m_explain->setProject(project);
    if (m_data && m_dataOf == project.data)
        m_explain->setData(m_data);
    else
        loadData(project);
    if (m_session)
        m_explain->setWeights(m_session->latestWeights());
}

void RunController::loadData(const project::Project& project)
{
    if (m_loading && m_dataOf == project.data)
        return;
    m_dataOf = project.data;
    m_loading = true;
    const uint64_t serial = ++m_dataSerial;
    const data::SourceContext context{{}, m_window.document().path().parent_path()};
    m_loader = std::jthread([this, project, context, serial] {
        auto loaded = train::loadRunData(project, context);
        std::shared_ptr<const train::RunData> data;
        QString problem;
        if (loaded)
            data = std::make_shared<const train::RunData>(std::move(*loaded));
        else
            problem = QString::fromStdString(loaded.error().message);
        QMetaObject::invokeMethod(
            this,
            [this, serial, data, problem] {
                if (serial != m_dataSerial)
                    return;
                m_loading = false;
                m_data = data;
                if (m_explain)
                    m_explain->setData(data);
                if (!problem.isEmpty())
                    m_window.statusLine().setMessage(problem);
            },
            Qt::QueuedConnection);
    });
}

} // namespace gradloom::gui
