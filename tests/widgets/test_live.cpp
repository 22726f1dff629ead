#include "source_dir.h"

#include "engine/project/project.h"
#include "widgets/live/metric_tile.h"
#include "widgets/live/plot_math.h"
#include "widgets/live/tensor_image.h"
#include "widgets/live/train_panel.h"
#include "widgets/live/views/curves.h"
#include "widgets/theme/theme.h"

#include <QTest>
#include <QtWidgets>

#include <cmath>
#include <set>

using namespace gradloom;
using namespace gradloom::widgets;

namespace {

constexpr int64_t stepsPerEpoch = 100;
constexpr int64_t epochs = 8;

/// A run as a session would publish it: five of eight epochs.
void fill(RunHistory& history)
{
    history.setState(train::State::Running);
    history.setLength(stepsPerEpoch * epochs, stepsPerEpoch);
    std::vector<train::StepMetrics> steps;
    for (int64_t i = 1; i <= 5 * stepsPerEpoch; ++i) {
        train::StepMetrics step;
        step.step = i;
        step.epoch = static_cast<int32_t>((i - 1) / stepsPerEpoch);
        const float noise = static_cast<float>((i * 7919) % 100) / 100.0f - 0.5f;
        step.loss = 2.0f / (1.0f + 0.02f * static_cast<float>(i)) + 0.1f * noise + 0.05f;
        step.accuracy = 1.0f - 0.9f / (1.0f + 0.03f * static_cast<float>(i));
        step.learningRate = 1e-3f;
        step.seconds = 0.01 * static_cast<double>(i);
        steps.push_back(step);
    }
    history.addSteps(steps);
    for (int32_t e = 0; e < 5; ++e) {
        train::EpochMetrics epoch;
        epoch.epoch = e;
        epoch.validationLoss = 0.5f / static_cast<float>(e + 1) + 0.1f;
        epoch.validationAccuracy = 0.8f + 0.02f * static_cast<float>(e);
        epoch.best = e != 4;
        history.addEpoch(epoch);
    }
    auto snapshot = std::make_shared<train::Snapshot>();
    snapshot->step = 500;
    Tensor maps(Shape{6, 6, 5});
    for (size_t i = 0; i < maps.floats().size(); ++i)
        maps.floats()[i] = static_cast<float>(i % 17);
    snapshot->activations.push_back({"conv2d_1", std::move(maps)});
    snapshot->layers.push_back({"conv2d_1", 0.5f, 3.0f, std::vector<float>(33, 4.0f), -1, 1});
    snapshot->layers.push_back({"dense_1", 0.2f, 2.0f, std::vector<float>(33, 2.0f), -1, 1});
    history.setSnapshot(snapshot);
}

size_t colorsOf(const QImage& image)
{
    std::set<QRgb> colors;
    for (int y = 0; y < image.height(); y += 2)
        for (int x = 0; x < image.width(); x += 2)
            colors.insert(image.pixel(x, y));
    return colors.size();
}

void wheel(QWidget& widget, QPoint position, int notches)
{
    QWheelEvent event(position, widget.mapToGlobal(position), {}, {0, notches * 120}, Qt::NoButton,
        Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(&widget, &event);
}

project::Project shapes(int64_t training, int64_t epochCount)
{
    auto project = project::loadProject(GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json");
    if (!project)
        qFatal("%s", project.error().message.c_str());
    project->data.source.params.set("training", training);
    project->data.source.params.set("test", int64_t{100});
    project->training.epochs = epochCount;
    return *project;
}

} // namespace

/// Live views with recorded and with real runs.
class TestLive : public QObject
{
    Q_OBJECT

private:
    std::unique_ptr<TrainPanel> panelWithRun(const std::string& view)
    {
        auto panel = std::make_unique<TrainPanel>();
        panel->resize(1400, 460);
        fill(panel->context().history);
        panel->showView(view);
        panel->show();
        panel->refresh();
        if (!QTest::qWaitForWindowExposed(panel.get()))
            qWarning("the window did not appear");
        return panel;
    }

    static CurvesView& curvesOf(TrainPanel& panel) { return *qobject_cast<CurvesView*>(panel.currentView()); }

private Q_SLOTS:
    void initTestCase()
    {
        setTheme("dark");
        // packaging/test installs a software OpenGL: without one these tests would test nothing.
        QString problem;
        QVERIFY2(ImguiWidget::available(&problem), qPrintable(problem));
    }

    void ticksAreRound()
    {
        QCOMPARE(niceTicks({0, 1}, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
        QCOMPARE(niceTicks({0, 8}, 8).size(), size_t{9});
        QVERIFY(niceTicks({1, 1}, 5).empty());
        QCOMPARE(tickText(0.25, 0.25), std::string("0.25"));
        QCOMPARE(tickText(12000, 2000), std::string("12,000"));
        QCOMPARE(logTicks({0.01, 10}).size(), size_t{4});
    }

    void decimationKeepsPeaks()
    {
        std::vector<double> x(100000), y(100000, 1.0);
        for (size_t i = 0; i < x.size(); ++i)
            x[i] = static_cast<double>(i);
        y[54321] = 9;
        y[12345] = std::nan("");
        const auto columns = decimate(x, y, {0, 100000}, 500);
        QVERIFY(columns.size() <= 502);
        double most = 0;
        for (const PlotColumn& column : columns)
            most = std::max(most, column.high);
        QCOMPARE(most, 9.0);
        QCOMPARE(nearest(x, 41.4), size_t{41});
    }

    void smoothingIsCentred()
    {
        std::vector<double> line(400);
        for (size_t i = 0; i < line.size(); ++i)
            line[i] = 3.0 * static_cast<double>(i);
        SmoothCurve copy(0), smooth(0.4);
        copy.extend(line);
        QCOMPARE(copy.values(), line);
        smooth.extend(std::span(line).first(150)); // in two goes, as a run delivers them
        smooth.extend(line);
        // A straight line stays where it is; a one-sided average would lag behind.
        QVERIFY(std::abs(smooth.values()[200] - line[200]) < 0.1);
        SmoothCurve whole(0.4);
        whole.extend(line);
        for (size_t i = 0; i < line.size(); ++i)
            QVERIFY(std::abs(whole.values()[i] - smooth.values()[i]) < 0.05);
    }

    void picturesOfTensors()
    {
        Tensor maps(Shape{2, 2, 3});
        for (size_t i = 0; i < 12; ++i)
            maps.floats()[i] = static_cast<float>(i);
        QCOMPARE(mapCount(maps), 3);
        QCOMPARE(activationStrip(maps, 8, {60, 20}).size(), QSize(60, 20));
        QCOMPARE(activationStrip(maps, 8, {60, 20}).pixel(0, 0), viridis()[0]);
        QCOMPARE(activationStrip(maps, 8, {60, 20}).pixel(59, 19), viridis()[255]);
        QVERIFY(activationStrip(Tensor(Shape{7}), 8, {60, 20}).isNull());
        QCOMPARE(activationStrip(Tensor(Shape{7, 5}), 8, {60, 20}).size(), QSize(60, 20)); // a sequence
        Tensor steps(Shape{4, 2}); // the second feature of the last step is the largest
        steps.floats()[7] = 1;
        QCOMPARE(mapSize(steps), QSize(4, 2));
        QCOMPARE(activationStrip(steps, 8, {4, 2}).pixel(3, 1), viridis()[255]);
        QCOMPARE(activationStrip(steps, 8, {4, 2}).pixel(3, 0), viridis()[0]);
        QVERIFY(activationStrip(Tensor(Shape{7, 5}, DType::I32), 8, {60, 20}).isNull());   // tokens
        Tensor grey(Shape{2, 2, 1}, DType::U8);
        grey.as<uint8_t>()[3] = 200;
        QCOMPARE(inputPicture(grey).pixel(1, 1), qRgb(200, 200, 200));
        maps.floats()[0] = NAN; // nothing in a tensor may upset the picture
        QVERIFY(!activationStrip(maps, 3, {9, 3}).isNull());
    }

    void historyKnowsTheRest()
    {
        RunHistory history;
        QVERIFY(!history.active());
        fill(history);
        QVERIFY(history.active());
        QCOMPARE(history.bestEpoch()->epoch, 3);
        QVERIFY(std::abs(*history.secondsLeft() - 3.0) < 0.05);
        const uint64_t before = history.revision();
        history.clear();
        QVERIFY(history.revision() > before);
        QVERIFY(history.steps().empty());
    }

    void registryIsOrdered()
    {
        QVERIFY(liveViewTypes().size() >= 4);
        QCOMPARE(liveViewTypes().front().id, std::string("curves"));
    }

    void everyViewPaints()
    {
        for (const LiveViewType& type : liveViewTypes()) {
            auto panel = panelWithRun(type.id);
            auto* surface = panel->currentView()->findChild<ImguiWidget*>();
            if (!surface)
                continue;
            QTRY_VERIFY(surface->framesPainted() > 0);
            QVERIFY2(colorsOf(surface->paintNow()) > 12, type.id.c_str());
            const int painted = surface->framesPainted();
            QVERIFY2(colorsOf(panel->grab(QRect(surface->mapTo(panel.get(), QPoint()), surface->size())).toImage()) > 12, type.id.c_str()); // as a part of its window
            QCOMPARE(surface->framesPainted(), painted); // from the picture that was there
        }
    }

    void severalAtOnce()
    {
        auto first = panelWithRun("curves");
        auto second = panelWithRun("activations");
        first->refresh();
        second->refresh();
        QTRY_VERIFY(curvesOf(*first).surface()->framesPainted() > 0);
        first.reset(); // the other one goes on without it
        auto* surface = second->currentView()->findChild<ImguiWidget*>();
        const int before = surface->framesPainted();
        second->refresh();
        QTRY_VERIFY(surface->framesPainted() > before);
    }

    void idleViewsDoNotPaint()
    {
        auto panel = panelWithRun("curves");
        ImguiWidget* surface = curvesOf(*panel).surface();
        QTRY_VERIFY(surface->framesPainted() > 0);
        panel->hide();
        const int before = surface->framesPainted();
        panel->refresh();
        QCoreApplication::processEvents();
        QCOMPARE(surface->framesPainted(), before);
    }

    void hoverShowsValues()
    {
        auto panel = panelWithRun("curves");
        CurvesView& view = curvesOf(*panel);
        QTRY_VERIFY(view.lossPlot().area().width() > 100);
        const QRectF area = view.lossPlot().area();
        QTest::mouseMove(view.surface(), QPoint(static_cast<int>(area.left() + area.width() / 4), 120));
        QTRY_VERIFY(QString::fromStdString(view.lossPlot().hoverText()).contains("train 0."));
        // A quarter of eight epochs, give or take a pixel.
        QVERIFY(QRegularExpression("^epoch (1[.]9|2[.]0)")
                    .match(QString::fromStdString(view.lossPlot().hoverText()))
                    .hasMatch());
        QVERIFY(QString::fromStdString(view.accuracyPlot().hoverText()).contains("validation 82.00 %"));
    }

    void wheelZoomsDragMovesDoubleClickFits()
    {
        auto panel = panelWithRun("curves");
        CurvesView& view = curvesOf(*panel);
        QTRY_COMPARE(view.lossPlot().shownX(), (Range{0, 8}));
        const QPoint middle = view.lossPlot().area().center().toPoint();
        wheel(*view.surface(), middle, 3);
        QTRY_VERIFY(view.lossPlot().shownX().length() < 5);
        QTRY_COMPARE(view.accuracyPlot().shownX(), view.lossPlot().shownX());
        const Range zoomed = view.lossPlot().shownX();
        QTest::mousePress(view.surface(), Qt::LeftButton, {}, middle);
        QTest::mouseMove(view.surface(), middle + QPoint(40, 0));
        QTest::mouseRelease(view.surface(), Qt::LeftButton, {}, middle + QPoint(40, 0));
        QTRY_VERIFY(view.lossPlot().shownX().low < zoomed.low);
        QTRY_VERIFY(std::abs(view.lossPlot().shownX().length() - zoomed.length()) < 1e-9);
        QTest::mouseDClick(view.surface(), Qt::LeftButton, {}, middle);
        QTRY_COMPARE(view.lossPlot().shownX(), (Range{0, 8}));
    }

    void controlsChangeThePlot()
    {
        auto panel = panelWithRun("curves");
        CurvesView& view = curvesOf(*panel);
        QTRY_VERIFY(view.surface()->framesPainted() > 0);
        const QImage smooth = view.surface()->paintNow();
        panel->setSmoothing(0);
        QVERIFY(view.surface()->paintNow() != smooth);
        QTest::mouseClick(panel->findChild<QPushButton*>("logY"), Qt::LeftButton);
        QTRY_VERIFY(view.lossPlot().shownY().low > 0);
        auto* axis = panel->findChild<QComboBox*>("xAxis");
        axis->setFocus();
        QTest::keyClick(axis, Qt::Key_Down);
        QCOMPARE(panel->context().xAxis, XAxis::Step);
        QTRY_COMPARE(view.lossPlot().shownX(), (Range{0, 800}));
    }

    void themeChangesThePicture()
    {
        auto panel = panelWithRun("curves");
        ImguiWidget* surface = curvesOf(*panel).surface();
        QTRY_VERIFY(surface->framesPainted() > 0);
        const QColor dark = surface->paintNow().pixelColor(1, 1);
        setTheme("light");
        const QColor light = surface->paintNow().pixelColor(1, 1);
        setTheme("dark");
        QVERIFY(light.lightness() > dark.lightness() + 100);
    }

    void aRunArrives()
    {
        TrainPanel panel;
        panel.resize(1200, 440);
        panel.show();
        int results = 0;
        std::shared_ptr<const train::Snapshot> snapshot;
        connect(&panel, &TrainPanel::finished, [&](const train::SessionResult&) { ++results; });
        connect(&panel, &TrainPanel::snapshotPublished,
            [&](std::shared_ptr<const train::Snapshot> s) { snapshot = s; });
        const project::Project project = shapes(400, 2);
        panel.setSession(std::make_shared<train::TrainSession>(project, train::SessionOptions{}), project);
        QTRY_COMPARE_WITH_TIMEOUT(results, 1, 60000);
        QVERIFY2(panel.history().result()->state == train::State::Finished,
            panel.history().result()->error ? panel.history().result()->error->message.c_str() : "");
        QCOMPARE(panel.history().epochs().size(), size_t{2});
        QCOMPARE(static_cast<int64_t>(panel.history().steps().size()), panel.history().totalSteps());
        QVERIFY(snapshot && !snapshot->activations.empty());
        QVERIFY(panel.findChild<MetricTile*>("validationAccuracy")->value().endsWith("%"));
        panel.showView("log");
        QCOMPARE(panel.context().log.back().kind, LogLine::Kind::Good);
    }

    void learningRateIsTypedIn()
    {
        TrainPanel panel;
        panel.resize(1200, 440);
        panel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&panel));
        const project::Project project = shapes(2000, 500);
        auto session = std::make_shared<train::TrainSession>(project, train::SessionOptions{});
        panel.setSession(session, project);
        QTRY_VERIFY_WITH_TIMEOUT(!panel.history().steps().empty(), 60000);
        auto* tile = panel.findChild<MetricTile*>("learningRate");
        QTest::mouseClick(tile, Qt::LeftButton);
        auto* field = tile->findChild<QLineEdit*>();
        QVERIFY(field && field->isVisible());
        QTest::keyClick(field, Qt::Key_A, Qt::ControlModifier);
        QTest::keyClicks(field, "5e-4");
        QTest::keyClick(field, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(std::abs(session->currentLearningRate() - 5e-4) < 1e-5, 20000);
        QVERIFY(!field->isVisible());
        session->stop();
        QTRY_VERIFY_WITH_TIMEOUT(panel.history().result().has_value(), 60000);
        QCOMPARE(panel.history().result()->state, train::State::Stopped);
    }
};

QTEST_MAIN(TestLive)
#include "test_live.moc"
