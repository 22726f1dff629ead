#pragma once

#include "widgets/live/live_view.h"

#include <QTimer>

class QComboBox;
class QPushButton;
class QSlider;
class QStackedWidget;
class QTabBar;

namespace gradloom::widgets {

class MetricTile;

/// The lower half of the Train page: live views in tabs and the row of figures. It polls the session at frame
/// rate while it is shown or not, so that nothing of a run is missed, and paints only what is on show.
class TrainPanel : public QWidget
{
    Q_OBJECT

public:
    explicit TrainPanel(QWidget* parent = nullptr);
    ~TrainPanel() override;

    /// Watches a run; the project says what the nodes are. The panel shares ownership until the next call,
    /// because a finished session still has its result. nullptr: stops watching, the curves stay.
    void setSession(std::shared_ptr<train::TrainSession> session, const project::Project& project);
    const std::shared_ptr<train::TrainSession>& session() const { return m_session; }
    const RunHistory& history() const { return m_context.history; }
    /// For recorded runs: fill the history, then call refresh().
    LiveContext& context() { return m_context; }

    /// A drawn node; one of its copies that is selected already stays selected.
    void selectNode(const QString& node);
    /// Brings a view of the registry to the front.
    void showView(const std::string& id);
    LiveView* currentView() const;
    /// The controls of the plots: 0 .. 1.
    void setSmoothing(double amount);
    /// Reads the history anew and repaints.
    void refresh();

    QSize minimumSizeHint() const override { return {640, 300}; }

Q_SIGNALS:
    /// New steps have arrived; the newest is the argument. At most once a frame.
    void stepPublished(const gradloom::train::StepMetrics& step);
    /// Activations, gradients and weights for the canvas. At most once a frame.
    void snapshotPublished(std::shared_ptr<const gradloom::train::Snapshot> snapshot);
    void epochPublished(const gradloom::train::EpochMetrics& epoch);
    void stateChanged(gradloom::train::State state);
    /// Exactly once a session.
    void finished(const gradloom::train::SessionResult& result);
    /// A view was clicked on a layer.
    void nodeSelected(const QString& node);

private:
    struct Tiles
    {
        MetricTile* accuracy = nullptr;
        MetricTile* loss = nullptr;
        MetricTile* explained = nullptr; ///< R², of networks that predict numbers
        MetricTile* throughput = nullptr;
        MetricTile* rate = nullptr;
        MetricTile* memory = nullptr;
        MetricTile* best = nullptr;
    };

    QWidget* buildHead();
    QWidget* buildControls();
    QWidget* buildTiles();
    void changeView(int index);
    void poll();
    void writeLog(size_t firstEpoch, train::State before);
    void log(LogLine::Kind kind, const QString& text);
    void updateTiles();
    void enterLearningRate(const QString& text);

    LiveContext m_context;
    std::shared_ptr<train::TrainSession> m_session;
    graph::Graph m_drawing; ///< of the run
    int64_t m_batch = 0;
    double m_nextRate = 0; ///< of a run that has not begun: the project's
    bool m_finishedTold = true;
    QTimer m_timer;
    std::vector<LiveView*> m_views; ///< by place in the registry; nullptr until first shown
    QTabBar* m_tabs = nullptr;
    QStackedWidget* m_stack = nullptr;
    QWidget* m_controls = nullptr;
    QSlider* m_smoothing = nullptr;
    QPushButton* m_logY = nullptr;
    QComboBox* m_axis = nullptr;
    Tiles m_tiles;
};

} // namespace gradloom::widgets
