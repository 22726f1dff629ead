#include "app/gui/run_controller.h"

#include "source_dir.h"
#include "tests/fake_cuda/fake_cuda.h"
#include "tests/widgets/gui_test.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/explain/explain_page.h"
#include "widgets/live/train_panel.h"
#include "widgets/shell/page_switch.h"
#include "widgets/shell/run_bar.h"
#include "widgets/shell/status_line.h"
#include "widgets/shell/top_bar.h"
#include "widgets/theme/theme.h"

#include "engine/graph/group_edits.h"

#include <QFile>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThreadPool>
#include <QToolButton>

#include <algorithm>
#include <set>

using namespace gradloom;
using namespace gradloom::gui;
using namespace gradloom::widgets;

/// The main job in the real window: press Train, watch, ask why.
class TestRun : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        QStandardPaths::setTestModeEnabled(true);
        QCoreApplication::setOrganizationName("GradloomTest");
        QCoreApplication::setApplicationName("GradloomTestRun");
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_dir.path());
        setTheme("dark");
    }

    void init()
    {
        QSettings().clear();
        show();
    }
    void cleanup()
    {
        m_runs = nullptr;
        m_window->document().undoStack().setClean();
        m_window.reset();
    }

    void trainTwoEpochsThenExplain()
    {
        shorten(2, 1200);
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QCOMPARE(m_window->page(), MainWindow::Page::Train);
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 120000);
        QVERIFY(!m_runs->session()->result()->error);
        QCOMPARE(m_runs->trainPanel()->history().epochs().size(), size_t(2));
        QCOMPARE(m_window->runBar().state(), RunBar::State::Idle);
        QVERIFY(colours(m_window->grab().toImage()) > 50);
        // Every layer with maps shows what it computes, and the Input its picture.
        const auto& scene = m_window->canvas().canvasScene();
        for (const auto& node : m_window->document().graph().nodes)
            if (node.type == "conv2d" || node.type == "input")
                QTRY_VERIFY(!scene.node(node.id)->activation().isNull());

        m_window->showPage(MainWindow::Page::Explain);
        QVERIFY(m_runs->explainPage());
        QSignalSpy explained(m_runs->explainPage(), &ExplainPage::explained);
        QTRY_VERIFY_WITH_TIMEOUT(explained.count() > 0, 60000);
        QVERIFY(colours(m_window->grab().toImage()) > 100);
        const int before = static_cast<int>(explained.count());
        m_runs->explainPage()->select(5);
        QTRY_VERIFY_WITH_TIMEOUT(explained.count() > before, 60000);
    }

    void aGpuTrainsAndExplains()
    {
        gradloom::test::Environment environment;
        environment.useModule(FAKE_CUDA);
        QMenu& menu = m_window->topBar().deviceMenu();
        menu.popup({});
        const auto isThere = [&] { return menu.actions()[1]->data().toString() == "cuda:0"; };
        QTRY_VERIFY(isThere());
        menu.close();
        menu.actions()[1]->trigger();
        QCOMPARE(m_window->device(), std::string("cuda:0"));
        shorten(1, 300);
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 120000);
        QVERIFY(!m_runs->session()->result()->error);
        m_window->showPage(MainWindow::Page::Explain);
        QSignalSpy said(m_runs->explainPage(), &ExplainPage::statusChanged);
        const auto saidSo = [&](const QString& device) {
            return std::any_of(said.begin(), said.end(),
                [&](const QList<QVariant>& one) { return one.value(0).toString().endsWith(device); });
        };
        QTRY_VERIFY_WITH_TIMEOUT(saidSo("Pretended GPU 0"), 60000);
        said.clear();
        menu.actions()[0]->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(said.count() > 0 && said.back().value(0).toString().contains("CPU"), 60000);
    }

    void aRunWaitsForTheRememberedGpu()
    {
        gradloom::test::Environment environment;
        showWhileGpusAreLookedFor(environment);
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QCOMPARE(m_window->page(), MainWindow::Page::Train);
        QVERIFY(!m_runs->session());
        QCOMPARE(message()->text(),
            QString("Training begins when the GPU is found; choose the CPU in the device menu to begin now. "
                    "Press Train again to take it back."));
        QFile::remove(waiting());
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 60000);
        auto* box = m_window->findChild<QMessageBox*>();
        QVERIFY(box && box->informativeText().contains("Pretended GPU 0 has 1.0 kB free"));
        box->close();

        // One that is gone: the CPU trains, which is said.
        environment.useModule(FAKE_CUDA_OTHER_VERSION);
        cleanup();
        show();
        shorten(1, 300);
        QSignalSpy finishedNow(m_runs, &RunController::finished);
        m_runs->start();
        QTRY_VERIFY(m_runs->session());
        QCOMPARE(message()->text(), QString("cuda:0 cannot be used now, so the CPU is; see the device menu."));
        QTRY_COMPARE_WITH_TIMEOUT(finishedNow.count(), 1, 120000);
        QVERIFY(!m_runs->session()->result()->error);
    }

    void aRunThatWaitsIsTakenBackByTheNextPress()
    {
        gradloom::test::Environment environment;
        showWhileGpusAreLookedFor(environment);
        QSignalSpy found(m_window.get(), &MainWindow::deviceChanged);
        pressTrain();
        pressTrain();
        QCOMPARE(message()->text(), QString("Training is taken back"));
        QFile::remove(waiting());
        QTRY_COMPARE(found.count(), 1);
        QCOMPARE(m_window->device(), std::string("cuda:0"));
        QVERIFY(!m_runs->session());
        QCOMPARE(m_window->runBar().state(), RunBar::State::Idle);

        // It waits again after a third press.
        showWhileGpusAreLookedFor(environment);
        QSignalSpy finished(m_runs, &RunController::finished);
        for (int i = 0; i < 3; ++i)
            pressTrain();
        QFile::remove(waiting());
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 60000);
        m_window->findChild<QMessageBox*>()->close();
    }

    void aRunThatWaitsBeginsAtOnceWhereTheCpuIsChosen()
    {
        gradloom::test::Environment environment;
        showWhileGpusAreLookedFor(environment);
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QVERIFY(!m_runs->session());
        m_window->topBar().deviceMenu().actions()[0]->trigger();
        QVERIFY(m_runs->running());
        QCOMPARE(message()->text(), QString());
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 120000);
        QVERIFY(!m_runs->session()->result()->error);
        QVERIFY(QFile::exists(waiting())); // GPUs are still looked for
        QFile::remove(waiting());
        QVERIFY(QThreadPool::globalInstance()->waitForDone(20000)); // nobody reads the environment any more
    }

    void pauseStepAndStop()
    {
        shorten(50, 1200);
        pressTrain();
        RunBar& bar = m_window->runBar();
        QTRY_VERIFY_WITH_TIMEOUT(!m_runs->trainPanel()->history().steps().empty(), 60000);
        press("pause");
        QTRY_COMPARE_WITH_TIMEOUT(bar.state(), RunBar::State::Paused, 20000);
        QTRY_COMPARE(m_runs->session()->state(), train::State::Paused);
        press("step");
        press("stop");
        QTRY_VERIFY_WITH_TIMEOUT(!m_runs->running(), 20000);
        QTRY_COMPARE(bar.state(), RunBar::State::Idle);
        QCOMPARE(m_runs->session()->result()->state, train::State::Stopped);
    }

    void aRepeatedBlockTrainsAndItsCopiesLeadBackToTheDrawing()
    {
        auto& document = m_window->document();
        graph::Graph drawing = document.graph();
        QVERIFY(document.edit(graph::groupNodes(drawing, {"dense_1"}, "Hidden", "Group")).ok());
        graph::Group block = document.graph().groups[0];
        block.repeat = 2;
        QVERIFY(document.edit(graph::changeGroup(document.graph(), block, "Repeat")).ok());
        shorten(1, 300);
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 120000);
        QVERIFY(!m_runs->session()->result()->error);
        LiveContext& context = m_runs->trainPanel()->context();
        QTRY_VERIFY(context.history.gradientNorms().count("dense_1-2") == 1);
        QCOMPARE(context.categoryOf("dense_1-2"), context.categoryOf("dense_1"));
        context.selectNode("dense_1-2");
        QCOMPARE(m_window->canvas().canvasScene().selectedNodes(), std::vector<std::string>{"dense_1"});
        QCOMPARE(context.selectedNode, std::string("dense_1-2"));
    }

    void aMissingDataSetIsSaidAndTheWindowGoesOn()
    {
        m_window->document().editProject("other data", [this](project::Project& project) {
            project.data.source = {"idx", {{"folder", m_dir.filePath("nothing").toStdString()}}};
        });
        QSignalSpy finished(m_runs, &RunController::finished);
        pressTrain();
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 60000);
        auto* box = m_window->findChild<QMessageBox*>();
        QVERIFY(box && box->informativeText().contains("nothing"));
        box->close();
        QCOMPARE(m_window->runBar().state(), RunBar::State::Idle);
    }

private:
    void show()
    {
        m_window = std::make_unique<MainWindow>();
        m_runs = new RunController(*m_window);
        m_window->resize(1500, 900);
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        QVERIFY(m_window->openProject(GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json"));
    }
    /// A window that finds the GPU of the last time when the file is removed. The GPU has too little memory,
    /// so that it is seen who trains.
    void showWhileGpusAreLookedFor(gradloom::test::Environment& environment)
    {
        environment.useModule(FAKE_CUDA);
        QVERIFY(QFile(waiting()).open(QIODevice::WriteOnly));
        environment.set("GRADLOOM_FAKE_WAIT", waiting().toStdString());
        environment.set("GRADLOOM_FAKE_MEMORY", "1000");
        QSettings().setValue("device", "cuda:0");
        cleanup();
        show();
        shorten(1, 300);
    }
    QString waiting() const { return m_dir.filePath("wait"); }
    QLabel* message() { return m_window->statusLine().findChild<QLabel*>("message"); }
    void shorten(int64_t epochs, int64_t training)
    {
        m_window->document().editProject("shorter", [=](project::Project& project) {
            project.training.epochs = epochs;
            project.data.source.params.set("training", training);
            project.data.source.params.set("test", int64_t(200));
        });
    }
    void pressTrain()
    {
        auto* button = m_window->runBar().findChild<QPushButton*>("train");
        QVERIFY(button && button->isEnabled());
        test::Mouse(button).click(button->rect().center());
    }
    void press(const char* name)
    {
        auto* button = m_window->runBar().findChild<QToolButton*>(name);
        QVERIFY(button);
        test::Mouse(button).click(button->rect().center());
    }
    static size_t colours(const QImage& image)
    {
        std::set<QRgb> seen;
        for (int y = 0; y < image.height(); y += 3)
            for (int x = 0; x < image.width(); x += 3)
                seen.insert(image.pixel(x, y));
        return seen.size();
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
    RunController* m_runs = nullptr;
};

QTEST_MAIN(TestRun)
#include "test_run.moc"
