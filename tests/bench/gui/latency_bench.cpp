// How long the window's thread takes to answer while both cores train: the real window, every live view in
// turn, and a thread that posts an event every few milliseconds and sees when it is handled. A 99th
// percentile of 16 ms is one frame. Each view is watched a second time while the run is paused and the window
// is told the same news again as often as before: what it takes then is drawing the same again, the rest is new
// pictures and training.

#include "app/gui/main_window.h"
#include "app/gui/run_controller.h"
#include "source_dir.h"

#include "widgets/live/live_view.h"
#include "widgets/live/train_panel.h"
#include "widgets/theme/theme.h"

#include <CLI/CLI.hpp>

#include <QApplication>
#include <QMetaObject>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTimer>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <thread>

using namespace gradloom;
using Clock = std::chrono::steady_clock;

namespace {

struct Options
{
    std::string project = GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json";
    double seconds = 5;
};

double millisecondsSince(Clock::time_point begin)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Posts events to the thread of `target`, which collects how long each waited.
class Pinger
{
public:
    explicit Pinger(QObject& target)
        : m_thread([this, &target](const std::stop_token& stop) {
              std::mt19937 random(1);
              std::uniform_real_distribution<double> pause(2, 10); // in step with no frame
              while (!stop.stop_requested()) {
                  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(pause(random)));
                  const auto posted = Clock::now();
                  QMetaObject::invokeMethod(
                      &target, [this, posted] { m_waits.push_back(millisecondsSince(posted)); },
                      Qt::QueuedConnection);
              }
          })
    {
    }

    /// GUI thread: since the last call.
    std::vector<double> take() { return std::exchange(m_waits, {}); }

private:
    std::vector<double> m_waits;
    std::jthread m_thread;
};

double percentile(const std::vector<double>& sorted, double share)
{
    const auto last = static_cast<double>(sorted.size() - 1);
    return sorted.empty() ? 0 : sorted[static_cast<size_t>(last * share)];
}

/// How long events waited.
struct Waits
{
    std::vector<double> training;
    std::vector<double> paused;

    void add(const Waits& more)
    {
        training.insert(training.end(), more.training.begin(), more.training.end());
        paused.insert(paused.end(), more.paused.begin(), more.paused.end());
    }
};

void printRow(const std::string& view, Waits waits, double stepMilliseconds)
{
    std::sort(waits.training.begin(), waits.training.end());
    std::sort(waits.paused.begin(), waits.paused.end());
    if (waits.training.empty() || waits.paused.empty())
        return;
    std::printf("| %s | %zu | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | ", view.c_str(), waits.training.size(),
        percentile(waits.training, 0.5), percentile(waits.training, 0.99), waits.training.back(),
        percentile(waits.paused, 0.5), percentile(waits.paused, 0.99), waits.paused.back());
    std::printf(stepMilliseconds > 0 ? "%.3f |\n" : "|\n", stepMilliseconds);
    std::fflush(stdout);
}

int64_t stepsDone(const gui::RunController& runs)
{
    const auto& steps = runs.trainPanel()->history().steps();
    return steps.empty() ? 0 : steps.back().step;
}

/// Shows one view after the other; ends the program after the last.
class Tour : public QObject
{
public:
    Tour(gui::RunController& runs, double seconds) : m_runs(runs), m_seconds(seconds), m_pinger(*this)
    {
        for (const auto& view : widgets::liveViewTypes())
            m_views.push_back(view.id);
        connect(
            m_runs.trainPanel(), &widgets::TrainPanel::snapshotPublished, this, [this] { ++m_snapshots; });
        connect(&m_news, &QTimer::timeout, this, &Tour::tellAgain);
        std::printf(
            "| view | events | training: median, ms | 99th percentile | longest | paused: median, ms | "
            "99th percentile | longest | training, ms/step |\n|---|---|---|---|---|---|---|---|---|\n");
        next();
    }

private:
    /// `then` when the window has settled: the first picture of a view takes longer.
    void afterSettling(void (Tour::*then)()) { QTimer::singleShot(1000, this, then); }

    void next()
    {
        if (m_at == m_views.size()) {
            printRow("all", m_all, 0);
            QApplication::exit(0); // quit() would ask about the run and the changed project first
            return;
        }
        m_runs.trainPanel()->showView(m_views[m_at]);
        afterSettling(&Tour::watchTraining);
    }

    void watchTraining()
    {
        m_pinger.take();
        m_snapshots = 0;
        const int64_t before = stepsDone(m_runs);
        const auto begin = Clock::now();
        QTimer::singleShot(static_cast<int>(m_seconds * 1000), this, [this, before, begin] {
            m_waits.training = m_pinger.take();
            m_stepMilliseconds = millisecondsSince(begin) /
                                 static_cast<double>(std::max<int64_t>(1, stepsDone(m_runs) - before));
            m_runs.session()->pause();
            m_snapshotInterval = millisecondsSince(begin) / std::max(1, m_snapshots);
            m_news.start(33); // as often as the panel asks for news
            afterSettling(&Tour::watchPaused);
        });
    }

    void watchPaused()
    {
        m_pinger.take();
        QTimer::singleShot(static_cast<int>(m_seconds * 1000), this, [this] {
            m_waits.paused = m_pinger.take();
            m_news.stop();
            m_runs.session()->resume();
            printRow(m_views[m_at], m_waits, m_stepMilliseconds);
            m_all.add(m_waits);
            ++m_at;
            next();
        });
    }

    /// What the panel does when a run has published something.
    void tellAgain()
    {
        auto* panel = m_runs.trainPanel();
        const auto& history = panel->history();
        Q_EMIT panel->stepPublished(history.steps().back());
        if (history.snapshot() && millisecondsSince(m_lastSnapshot) >= m_snapshotInterval) {
            m_lastSnapshot = Clock::now();
            Q_EMIT panel->snapshotPublished(history.snapshot());
        }
        panel->refresh();
    }

    gui::RunController& m_runs;
    double m_seconds;
    std::vector<std::string> m_views;
    size_t m_at = 0;
    int m_snapshots = 0; ///< since the view is watched
    double m_snapshotInterval = 0;
    double m_stepMilliseconds = 0;
    Clock::time_point m_lastSnapshot;
    QTimer m_news;
    Waits m_waits;
    Waits m_all;
    Pinger m_pinger; ///< last member: ends before what it uses
};

int run(QApplication& application, const Options& options)
{
    // Settings and runs of a user stay as they are.
    const QTemporaryDir folder;
    QStandardPaths::setTestModeEnabled(true);
    QCoreApplication::setOrganizationName("GradloomBench");
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, folder.path());
    widgets::setTheme("dark");
    gui::MainWindow window;
    auto* runs = new gui::RunController(window);
    window.resize(1500, 900);
    window.show();
    if (!window.openProject(options.project))
        return 1;
    window.document().editProject("longer", [](project::Project& project) { project.training.epochs = 100000; });
    std::unique_ptr<Tour> tour;
    const auto start = [&] {
        runs->start();
        QObject::connect(runs->trainPanel(), &widgets::TrainPanel::stepPublished, &window, [&] {
            if (!tour)
                tour = std::make_unique<Tour>(*runs, options.seconds);
        });
        QObject::connect(
            runs, &gui::RunController::finished, &window, [&](const train::SessionResult& result) {
                std::fprintf(stderr, "latency_bench: %s\n",
                    result.error ? result.error->message.c_str() : "it ended too early");
                QApplication::exit(1);
            });
    };
    QTimer::singleShot(0, &window, start);
    const int code = application.exec();
    tour.reset();
    window.document().undoStack().setClean();
    return code;
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app("Measures how fast the window answers while it trains.");
    app.add_option("--project", options.project, "Project file");
    app.add_option("--seconds", options.seconds, "How long each view is watched")
        ->check(CLI::Range(0.5, 3600.0));
    CLI11_PARSE(app, argc, argv);
    QApplication application(argc, argv);
    return run(application, options);
}
