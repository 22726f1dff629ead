#include "widgets/live/train_panel.h"

#include "engine/graph/expand.h"
#include "engine/layers/layer_type.h"
#include "engine/train/optimizer_type.h"
#include "widgets/live/choice_box.h"
#include "widgets/live/live_text.h"
#include "widgets/live/metric_tile.h"
#include "widgets/live/process_memory.h"
#include "widgets/theme/theme.h"

#include <QCoreApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QSlider>
#include <QStackedWidget>
#include <QTabBar>
#include <QVBoxLayout>

#include <cmath>

namespace gradloom::widgets {

namespace {

constexpr int pollInterval = 33; ///< milliseconds

QString text(const std::string& string)
{
    return QString::fromStdString(string);
}

/// The learning rate a project starts with: its own, or its optimizer's default.
double initialRate(const project::Project& project)
{
    const train::OptimizerType* type = train::optimizerTypes().find(project.training.optimizer.type);
    if (!type)
        return 0;
    const auto params = completeParams(type->parameters, project.training.optimizer.params, "optimizer");
    return params.ok() ? params->realOr("learning_rate", 0) : 0;
}

} // namespace

TrainPanel::TrainPanel(QWidget* parent) : QWidget(parent), m_views(liveViewTypes().size())
{
    setObjectName("trainPanel");
    setProperty("look", "panel");
    setAttribute(Qt::WA_StyledBackground);
    m_context.selectNode = [this](const std::string& node) {
        m_context.selectedNode = node;
        Q_EMIT nodeSelected(text(node));
        refresh();
    };
    m_stack = new QStackedWidget(this);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(buildHead());
    layout->addWidget(m_stack, 1);
    layout->addWidget(buildTiles());
    connect(&m_timer, &QTimer::timeout, this, &TrainPanel::poll);
    m_timer.setInterval(pollInterval);
    changeView(0);
    updateTiles();
}

TrainPanel::~TrainPanel() = default;

QWidget* TrainPanel::buildHead()
{
    auto* head = new QFrame(this);
    head->setProperty("look", "bar");
    auto* layout = new QHBoxLayout(head);
    layout->setContentsMargins(4, 0, 12, 0);
    m_tabs = new QTabBar(head);
    m_tabs->setObjectName("liveTabs");
    m_tabs->setDrawBase(false);
    m_tabs->setExpanding(false);
    m_tabs->setUsesScrollButtons(true);
    m_tabs->setAccessibleName(tr("Live views"));
    for (const LiveViewType& type : liveViewTypes())
        m_tabs->addTab(QCoreApplication::translate("LiveView", type.title));
    connect(m_tabs, &QTabBar::currentChanged, this, &TrainPanel::changeView);
    layout->addWidget(m_tabs, 0, Qt::AlignBottom);
    layout->addStretch(1);
    layout->addWidget(buildControls());
    head->setFixedHeight(40);
    return head;
}

QWidget* TrainPanel::buildControls()
{
    m_controls = new QWidget(this);
    auto* layout = new QHBoxLayout(m_controls);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(9);
    auto* caption = new QLabel(tr("smoothing"), m_controls);
    caption->setProperty("look", "dim");
    m_smoothing = new QSlider(Qt::Horizontal, m_controls);
    m_smoothing->setObjectName("smoothing");
    m_smoothing->setRange(0, 100);
    m_smoothing->setValue(static_cast<int>(std::lround(m_context.smoothing * 100)));
    m_smoothing->setFixedWidth(92);
    m_smoothing->setAccessibleName(tr("Smoothing of the training curves"));
    m_smoothing->setToolTip(tr("Smoothing of the training curves; 0 shows every step as it was"));
    caption->setBuddy(m_smoothing);
    connect(m_smoothing, &QSlider::valueChanged, this, [this](int value) {
        m_context.smoothing = value / 100.0;
        refresh();
    });
    m_logY = new QPushButton(tr("log y"), m_controls);
    m_logY->setObjectName("logY");
    m_logY->setCheckable(true);
    m_logY->setToolTip(tr("Logarithmic scale upwards"));
    m_logY->setAccessibleName(tr("Logarithmic scale upwards"));
    connect(m_logY, &QPushButton::toggled, this, [this](bool on) {
        m_context.logY = on;
        refresh();
    });
    m_axis = new ChoiceBox(m_controls);
    m_axis->setObjectName("xAxis");
    m_axis->addItem(tr("epoch"), static_cast<int>(XAxis::Epoch));
    m_axis->addItem(tr("step"), static_cast<int>(XAxis::Step));
    m_axis->addItem(tr("time"), static_cast<int>(XAxis::Time));
    m_axis->setAccessibleName(tr("What the curves run over"));
    connect(m_axis, &QComboBox::currentIndexChanged, this, [this] {
        m_context.xAxis = static_cast<XAxis>(m_axis->currentData().toInt());
        refresh();
    });
    layout->addWidget(caption);
    layout->addWidget(m_smoothing);
    layout->addSpacing(4);
    layout->addWidget(m_logY);
    layout->addWidget(m_axis);
    return m_controls;
}

QWidget* TrainPanel::buildTiles()
{
    auto* row = new QWidget(this);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->setSpacing(8);
    const auto tile = [&](const QString& caption, const char* name) {
        auto* widget = new MetricTile(caption, row);
        widget->setObjectName(QLatin1String(name));
        layout->addWidget(widget);
        return widget;
    };
    m_tiles.accuracy = tile(tr("Validation accuracy"), "validationAccuracy");
    m_tiles.loss = tile(tr("Validation loss"), "validationLoss");
    m_tiles.explained = tile(tr("R²"), "explained");
    m_tiles.explained->setToolTip(tr("Share of the truth's spread that the network explains"));
    m_tiles.throughput = tile(tr("Throughput"), "throughput");
    m_tiles.rate = tile(tr("Learning rate"), "learningRate");
    m_tiles.memory = tile(tr("Memory"), "memory");
    m_tiles.best = tile(tr("Best epoch"), "bestEpoch");
    m_tiles.rate->setToolTip(tr("Click to change the learning rate while the run goes on"));
    m_tiles.memory->setToolTip(tr("Memory that the whole program occupies"));
    connect(m_tiles.rate, &MetricTile::valueEntered, this, &TrainPanel::enterLearningRate);
    return row;
}

void TrainPanel::changeView(int index)
{
    const auto& types = liveViewTypes();
    if (index < 0 || static_cast<size_t>(index) >= types.size())
        return;
    const LiveViewType& type = types[static_cast<size_t>(index)];
    LiveView*& view = m_views[static_cast<size_t>(index)];
    if (!view) {
        view = type.create(m_context).release(); // the stack owns it from here on
        view->setObjectName(text(type.id));
        m_stack->addWidget(view);
    }
    m_stack->setCurrentWidget(view);
    m_controls->setVisible(type.plot);
    view->refresh();
}

void TrainPanel::showView(const std::string& id)
{
    const auto& types = liveViewTypes();
    for (size_t i = 0; i < types.size(); ++i)
        if (types[i].id == id)
            m_tabs->setCurrentIndex(static_cast<int>(i));
}

LiveView* TrainPanel::currentView() const
{
    return qobject_cast<LiveView*>(m_stack->currentWidget());
}

void TrainPanel::setSmoothing(double amount)
{
    m_smoothing->setValue(static_cast<int>(std::lround(amount * 100)));
}

void TrainPanel::selectNode(const QString& node)
{
    if (graph::originOf(m_drawing, m_context.selectedNode).node == node.toStdString())
        return;
    m_context.selectedNode = node.toStdString();
    refresh();
}

void TrainPanel::setSession(std::shared_ptr<train::TrainSession> session, const project::Project& project)
{
    m_session = std::move(session);
    m_drawing = project.graph;
    m_context.categoryOf = [this](const std::string& id) {
        const graph::Node* node = m_drawing.find(graph::originOf(m_drawing, id).node);
        const layers::LayerType* type = node ? layers::layerTypes().find(node->type) : nullptr;
        return type ? type->category : std::string();
    };
    m_batch = project.training.batch;
    m_nextRate = initialRate(project);
    if (!m_session) {
        m_timer.stop();
        refresh();
        return;
    }
    m_context.history.clear();
    m_context.log.clear();
    m_finishedTold = false;
    log(LogLine::Kind::Note, tr("%1: %2 epochs, batches of %3, %4")
                                 .arg(text(project.name))
                                 .arg(project.training.epochs)
                                 .arg(project.training.batch)
                                 .arg(text(project.training.optimizer.type)));
    m_timer.start();
    poll();
    refresh();
}

void TrainPanel::log(LogLine::Kind kind, const QString& line)
{
    const auto& steps = m_context.history.steps();
    m_context.log.push_back({kind, steps.empty() ? 0 : steps.back().seconds, line});
}

void TrainPanel::writeLog(size_t firstEpoch, train::State before)
{
    const RunHistory& history = m_context.history;
    for (size_t i = firstEpoch; i < history.epochs().size(); ++i) {
        const train::EpochMetrics& epoch = history.epochs()[i];
        QString line = tr("epoch %1 · loss %2").arg(epoch.epoch + 1).arg(text(lossText(epoch.trainLoss)));
        if (std::isfinite(epoch.trainAccuracy))
            line += tr(" · accuracy %1").arg(text(percentText(epoch.trainAccuracy, 2)));
        if (std::isfinite(epoch.validationLoss))
            line += tr(" · validation loss %1").arg(text(lossText(epoch.validationLoss)));
        if (std::isfinite(epoch.validationAccuracy))
            line += tr(" · validation accuracy %1").arg(text(percentText(epoch.validationAccuracy, 2)));
        line += tr(" · %1 samples/s").arg(text(countText(epoch.samplesPerSecond)));
        if (epoch.best)
            line += tr(" · best so far, kept");
        log(epoch.best ? LogLine::Kind::Good : LogLine::Kind::Note, line);
    }
    if (before == history.state())
        return;
    const qlonglong step = history.steps().empty() ? 0 : history.steps().back().step;
    switch (history.state()) {
    case train::State::Preparing:
        break;
    case train::State::Running:
        log(LogLine::Kind::Note,
            before == train::State::Paused ? tr("goes on after step %1").arg(step) : tr("training begins"));
        break;
    case train::State::Paused:
        log(LogLine::Kind::Note, tr("paused at step %1").arg(step));
        break;
    case train::State::Finished:
        log(LogLine::Kind::Good, tr("finished after %1 steps").arg(step));
        break;
    case train::State::Stopped:
        log(LogLine::Kind::Note, tr("stopped at step %1").arg(step));
        break;
    case train::State::Failed:
        break; // the error says more than the state
    }
}

void TrainPanel::poll()
{
    if (!m_session)
        return;
    const RunHistory& history = m_context.history;
    const size_t steps = history.steps().size(), epochs = history.epochs().size();
    const auto snapshot = history.snapshot();
    const train::State state =
        history.steps().empty() && history.revision() == 0 ? train::State::Preparing : history.state();
    if (!m_context.history.poll(*m_session))
        return;
    writeLog(epochs, state);
    for (const std::string& remark : m_session->pollRemarks())
        log(LogLine::Kind::Note, text(remark));
    if (history.steps().size() > steps)
        Q_EMIT stepPublished(history.steps().back());
    for (size_t i = epochs; i < history.epochs().size(); ++i)
        Q_EMIT epochPublished(history.epochs()[i]);
    if (history.snapshot() != snapshot)
        Q_EMIT snapshotPublished(history.snapshot());
    if (history.state() != state)
        Q_EMIT stateChanged(history.state());
    if (history.result() && !m_finishedTold) {
        m_finishedTold = true;
        m_timer.stop(); // nothing more can come
        if (history.result()->error)
            log(LogLine::Kind::Bad, text(history.result()->error->message));
        refresh();
        Q_EMIT finished(*history.result());
        return;
    }
    refresh();
}

void TrainPanel::refresh()
{
    updateTiles();
    if (LiveView* view = currentView())
        view->refresh();
}

void TrainPanel::updateTiles()
{
    using Tone = MetricTile::Tone;
    const RunHistory& history = m_context.history;
    const train::EpochMetrics* last = history.epochs().empty() ? nullptr : &history.epochs().back();
    const train::EpochMetrics* best = history.bestEpoch();
    const QString none = QStringLiteral("–");
    const bool classes = !last || std::isfinite(last->validationAccuracy);
    m_tiles.accuracy->setVisible(classes);
    m_tiles.accuracy->setValue(
        last ? text(percentText(last->validationAccuracy)) : none, last ? Tone::Good : Tone::Plain);
    m_tiles.loss->setValue(last ? text(lossText(last->validationLoss)) : none);
    const auto explained = last ? last->metrics.find("r2") : std::map<std::string, double>::const_iterator();
    // Pixels that are nearly always black make R² of a painted picture meaningless.
    const bool known =
        last && explained != last->metrics.end() && !last->metrics.contains("reconstruction_error");
    m_tiles.explained->setVisible(known);
    // A GAN has no validation: neither side's loss tells how good its pictures are.
    m_tiles.loss->setVisible(!last || std::isfinite(last->validationLoss));
    if (known)
        m_tiles.explained->setValue(QString::number(explained->second, 'f', 3), Tone::Good);
    const double speed = history.samplesPerSecond();
    m_tiles.throughput->setValue(speed > 0 ? tr("%1 samples/s").arg(text(countText(speed))) : none);
    const bool active = history.active() && m_session;
    const double rate = active                    ? m_session->currentLearningRate()
                        : history.steps().empty() ? m_nextRate
                                                  : history.steps().back().learningRate;
    m_tiles.rate->setValue(rate > 0 || active ? text(rateText(rate)) : none);
    m_tiles.rate->setEditable(active);
    const auto memory = residentMemory();
    m_tiles.memory->setVisible(memory.has_value());
    if (memory)
        m_tiles.memory->setValue(text(bytesText(static_cast<double>(*memory))));
    m_tiles.best->setValue(
        best ? tr("%1 · checkpoint kept").arg(best->epoch + 1) : none, best ? Tone::Good : Tone::Plain);
}

void TrainPanel::enterLearningRate(const QString& entered)
{
    bool understood = false;
    QString number = entered.trimmed();
    const double rate = number.replace(',', '.').toDouble(&understood);
    if (!m_session || !understood || !(rate > 0) || !(rate <= 1000))
        return; // the tile shows the old value again
    m_session->setLearningRate(rate);
    log(LogLine::Kind::Note, tr("learning rate set to %1").arg(text(rateText(rate))));
    refresh();
}

} // namespace gradloom::widgets
