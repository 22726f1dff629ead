#pragma once

#include "app/gui/main_window.h"

#include "engine/train/run_data.h"
#include "engine/train/train_session.h"

#include <QElapsedTimer>

#include <memory>
#include <thread>

namespace gradloom::widgets {
class ExplainPage;
class TrainPanel;
} // namespace gradloom::widgets

namespace gradloom::gui {

/// Joins the window to training and explanation: gives it the Train and the Explain page, starts and steers sessions,
/// passes what they publish to the run bar and the canvas, and trained weights to the explanations.
class RunController : public QObject
{
    Q_OBJECT
public:
    explicit RunController(MainWindow& window);
    ~RunController() override;

    /// The run in progress or the last one; nullptr before the first.
    const std::shared_ptr<train::TrainSession>& session() const { return m_session; }
    /// nullptr until its page was shown first.
    widgets::TrainPanel* trainPanel() const { return m_panel; }
    widgets::ExplainPage* explainPage() const { return m_explain; }

    /// Starts a run of the open project; asks nothing. While the device is still looked for, the run waits
    /// for it, and the next call takes that back.
    void start();
    bool running() const;

Q_SIGNALS:
    void finished(const gradloom::train::SessionResult& result);

private:
    QWidget* makeTrainPanel();
    QWidget* makeExplainPage();
    void connectRunBar();
    void connectPanel();
    void waitOrNot();
    bool stopWaiting();
    void forget();
    void showProgress();
    void showSnapshot(const train::Snapshot& snapshot);
    void showState(train::State state);
    void showResult(const train::SessionResult& result);
    void markStale();
    void updateExplain();
    void loadData(const project::Project& project);
    std::filesystem::path runFolder(const project::Project& project) const;

    MainWindow& m_window;
    std::shared_ptr<train::TrainSession> m_session;
    project::Project m_project; ///< what the session trains
    int m_revision = 0;         ///< of the drawing when the run began
    bool m_stale = false;
    QElapsedTimer m_progressShown;          ///< since the run bar got a progress
    widgets::TrainPanel* m_panel = nullptr; ///< the window owns the pages
    widgets::ExplainPage* m_explain = nullptr;
    std::shared_ptr<const train::RunData> m_data;
    project::Data m_dataOf;     ///< what m_data was loaded from, or is being loaded from
    bool m_loading = false;
    uint64_t m_dataSerial = 0;  ///< counts loads: an older one that ends late is dropped
    std::jthread m_loader;
};

} // namespace gradloom::gui
