#include "app/gui/device_menu.h"

#include "app/gui/main_window.h"
#include "app/gui/memory_estimate.h"
#include "app/gui/rate_dialog.h"
#include "source_dir.h"
#include "tests/fake_cuda/fake_cuda.h"
#include "tests/widgets/gui_test.h"

#include "widgets/shell/status_line.h"
#include "widgets/shell/top_bar.h"
#include "widgets/theme/theme.h"

#include "engine/train/memory_need.h"

#include <QDir>
#include <QFile>
#include <QLabel>
#include <QMenu>
#include <QPointer>
#include <QPushButton>
#include <QScreen>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThreadPool>
#include <QTimer>

#include <algorithm>
#include <cmath>
#include <optional>

#include <dlfcn.h>

using namespace gradloom;
using namespace gradloom::gui;
using namespace gradloom::widgets;

/// The device menu of the real window, with pretended GPUs.
class TestDeviceMenu : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        QStandardPaths::setTestModeEnabled(true);
        QCoreApplication::setOrganizationName("GradloomTest");
        QCoreApplication::setApplicationName("GradloomTestDevices");
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_dir.path());
        setTheme("dark");
    }
    void init()
    {
        QSettings().clear();
        m_environment.emplace();
        m_environment->useModule(FAKE_CUDA);
    }
    void cleanup()
    {
        QFile::remove(waiting());
        m_window.reset();
        QThreadPool::globalInstance()->waitForDone(); // nobody reads the environment any more
        m_environment.reset();
    }

    void nothingIsLoadedBeforeTheMenuIsOpened()
    {
        const QString module = m_dir.filePath("copy.so");
        QVERIFY(QFile::copy(FAKE_CUDA, module));
        m_environment->useModule(module.toStdString());
        show();
        QTRY_VERIFY(memory()->text().contains("to train")); // the window has done all it does at the start
        QVERIFY(!isLoaded(module));
        QCOMPARE(m_window->device(), std::string("cpu"));
        QVERIFY(button()->text().startsWith("CPU"));
        QVERIFY(entry("cpu")->isChecked());
        menu().popup(place());
        QTRY_VERIFY(entry("cuda:0"));
        QVERIFY(isLoaded(module));
    }

    void theMenuHangsBelowItsButtonAndTicksAtTheLeft()
    {
        show();
        int edge = 0;
        std::optional<Qt::LayoutDirection> direction;
        connect(&menu(), &QMenu::aboutToShow, this, [&] {
            QTimer::singleShot(0, this, [&] { // a click returns when the menu is closed
                edge = menu().geometry().right();
                direction = menu().layoutDirection();
                menu().close();
            });
        });
        gradloom::test::Mouse(button()).click(button()->rect().center());
        QCOMPARE(direction, Qt::LeftToRight);
        QCOMPARE(edge, button()->mapToGlobal(button()->rect().bottomRight()).x());
    }

    void theWindowWorksWhileGpusAreLookedFor()
    {
        wait();
        show();
        menu().popup(place());
        QTRY_VERIFY(menu().isVisible());
        QCOMPARE(titles(), (QStringList{entry("cpu")->text(), "Looking for GPUs…"}));
        QVERIFY(!menu().actions()[1]->isEnabled());
        const int edge = menu().geometry().right();
        const int width = menu().width();
        QFile::remove(waiting());
        QTRY_VERIFY(entry("cuda:0"));
        QVERIFY(!titles().contains("Looking for GPUs…"));
        QVERIFY(menu().width() > width);
        QCOMPARE(menu().geometry().right(), edge);
        QVERIFY(menu().screen()->geometry().contains(menu().geometry()));
    }

    void gpusAreLookedForOnce()
    {
        show();
        menu().popup(place());
        QTRY_VERIFY(entry("cuda:0"));
        menu().close();
        menu().popup(place());
        QTRY_VERIFY(menu().isVisible());
        QThreadPool::globalInstance()->waitForDone();
        QCoreApplication::processEvents();
        QCOMPARE(menu().actions().size(), 4); // CPU, GPU, the old one and why it cannot be used
    }

    void aWindowThatIsClosedMeanwhileIsLeftAlone()
    {
        wait();
        show();
        menu().popup(place());
        QPointer<DeviceMenu> devices = m_window->findChild<DeviceMenu*>();
        QVERIFY(devices);
        m_window.reset();
        QVERIFY(!devices);
        QFile::remove(waiting());
        QVERIFY(QThreadPool::globalInstance()->waitForDone(20000));
        QCoreApplication::processEvents(); // what was found arrives
    }

    void whatIsWrongIsReadInTheMenu()
    {
        show();
        menu().popup(place());
        QTRY_COMPARE(notes().size(), 1);
        QVERIFY(!entry("cuda:1")->isEnabled());
        QCOMPARE(menu().actions().indexOf(entry("cuda:1")), 2);
        for (const char* id : {"dark", "light"}) {
            setTheme(id);
            QVERIFY2(isOfSecondaryColour(entry("cuda:1")), id);
        }
        setTheme("dark");
        QCOMPARE(readable(notes()[0]),
            QString("Ancient GPU is too old: its compute capability is 5.2, 7.5 is needed; choose "
                    "another GPU or the CPU."));
    }

    void aLongPathIsReadInTheMenu()
    {
        const QString folder =
            m_dir.filePath("a_folder_with_a_name_that_is_longer_than_a_whole_line_of_the_menu_is");
        QVERIFY(QDir().mkpath(folder));
        const QString module = folder + "/module.so";
        QVERIFY(QFile::copy(FAKE_CUDA_OTHER_VERSION, module));
        m_environment->useModule(module.toStdString());
        for (const char* id : {"dark", "light"}) {
            setTheme(id);
            show();
            menu().popup(place());
            QTRY_COMPARE(notes().size(), 1);
            QVERIFY(readable(notes()[0]).startsWith(module + " belongs to another version of Gradloom"));
            QCOMPARE(titles()[1], QString("NVIDIA GPU"));
        }
        setTheme("dark");
    }

    void theChoiceIsRememberedAndReachesTheMemoryEstimate()
    {
        show();
        menu().popup(place());
        QTRY_VERIFY(entry("cuda:0"));
        QCOMPARE(entry("cuda:0")->text(), QString("Pretended GPU 0 · 1.0 GB"));
        entry("cuda:0")->trigger();
        QCOMPARE(m_window->device(), std::string("cuda:0"));
        QCOMPARE(button()->text(), QString("Pretended GPU 0"));
        QVERIFY(!entry("cpu")->isChecked());

        // Pictures that are changed within the step take memory on a GPU only.
        const auto mix = [](project::Project& project) { project.data.augment.set("mixup", 0.4); };
        project::Project project = m_window->document().project();
        mix(project);
        const auto text = [&](const char* device) {
            train::SessionOptions session;
            session.device = device;
            return memoryText(
                train::memoryNeed(project, {}, session).value().total(), project.training.batch);
        };
        const QString onCpu = text("cpu");
        const QString onGpu = text("cuda:0");
        QVERIFY(onCpu != onGpu);

        wait();
        show();
        QCOMPARE(button()->text(), QString("Looking for GPUs…"));
        QVERIFY(!entry("cpu")->isChecked());
        m_window->document().editProject("mix", mix);
        QTRY_COMPARE(memory()->text(), onCpu);
        QFile::remove(waiting());
        QTRY_COMPARE(m_window->device(), std::string("cuda:0"));
        QCOMPARE(button()->text(), QString("Pretended GPU 0"));
        QVERIFY(entry("cuda:0")->isChecked());
        QTRY_COMPARE(memory()->text(), onGpu);
        m_window->document().undoStack().setClean();
    }

    void aRememberedGpuThatIsGoneIsSaidOnceAndStaysRemembered()
    {
        const QString sentence = "Pretended GPU 0 cannot be used now, so the CPU is; see the device menu.";
        remember();
        m_environment->useModule(FAKE_CUDA_OTHER_VERSION);
        show();
        QTRY_COMPARE(message()->text(), sentence);
        QCOMPARE(m_window->device(), std::string("cpu"));
        QVERIFY(button()->text().startsWith("CPU"));
        QVERIFY(entry("cpu")->isChecked());
        m_window->statusLine().setMessage({});
        menu().popup(place());
        QTRY_VERIFY(menu().isVisible());
        QCOMPARE(message()->text(), QString());
        QCOMPARE(QSettings().value("device").toString(), QString("cuda:0"));

        m_environment->useModule(FAKE_CUDA);
        show();
        QTRY_COMPARE(m_window->device(), std::string("cuda:0"));
        QCOMPARE(message()->text(), QString());
    }

    void aChoiceMadeMeanwhileCounts()
    {
        remember();
        wait();
        show();
        menu().popup(place());
        entry("cpu")->trigger();
        QVERIFY(!m_window->waitsForDevice());
        QVERIFY(button()->text().startsWith("CPU"));
        QFile::remove(waiting());
        QTRY_VERIFY(entry("cuda:0"));
        QCOMPARE(m_window->device(), std::string("cpu"));
        QVERIFY(entry("cpu")->isChecked() && !entry("cuda:0")->isChecked());
        QCOMPARE(QSettings().value("device").toString(), QString("cpu"));
    }

    void noRatesAreTriedWhileTheRememberedGpuIsLookedFor()
    {
        remember();
        m_environment->set("GRADLOOM_FAKE_MEMORY", "1000"); // the CPU has more, so that it is seen who tries
        wait();
        show();
        QVERIFY(rates() && !rates()->isEnabled());
        QCOMPARE(rates()->text(), QString("Find &learning rate (looking for GPUs…)"));
        QFile::remove(waiting());
        QTRY_VERIFY(rates()->isEnabled());
        QCOMPARE(rates()->text(), QString("Find &learning rate …"));
        bool onGpu = false;
        QTimer::singleShot(0, m_window.get(), [&] { // the entry returns when the dialog is closed
            auto* dialog = m_window->findChild<RateDialog*>();
            QVERIFY(dialog);
            const auto says = [&] {
                const auto labels = dialog->findChildren<QLabel*>();
                return std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
                    return label->text().contains("Pretended GPU 0 has 1.0 kB free");
                });
            };
            onGpu = QTest::qWaitFor(says, 60000);
            dialog->reject();
        });
        rates()->trigger();
        QVERIFY(onGpu);

        // The CPU need not be waited for.
        wait();
        show();
        QVERIFY(!rates()->isEnabled());
        entry("cpu")->trigger();
        QVERIFY(rates()->isEnabled());
        show();
        QVERIFY(rates()->isEnabled());
    }

    void aLongMessageDoesNotWidenTheWindow()
    {
        show();
        const int width = m_window->minimumSizeHint().width();
        m_window->statusLine().setMessage(QString("a long message, ").repeated(40));
        QCOMPARE(m_window->minimumSizeHint().width(), width);
    }

private:
    void show()
    {
        m_window = std::make_unique<MainWindow>();
        m_window->resize(1500, 900);
        m_window->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        QVERIFY(m_window->openProject(GRADLOOM_SOURCE_DIR "/projects/fashion_mlp.gradloom.json"));
    }
    /// The pretended GPU was chosen the last time.
    static void remember()
    {
        QSettings().setValue("device", "cuda:0");
        QSettings().setValue("device_name", "Pretended GPU 0");
    }
    /// Looking for GPUs takes until the file is removed.
    void wait()
    {
        QFile file(waiting());
        QVERIFY(file.open(QIODevice::WriteOnly));
        m_environment->set("GRADLOOM_FAKE_WAIT", waiting().toStdString());
    }
    QString waiting() const { return m_dir.filePath("wait"); }
    static bool isLoaded(const QString& module)
    {
        return dlopen(qPrintable(module), RTLD_LAZY | RTLD_NOLOAD) != nullptr;
    }

    QMenu& menu() { return m_window->topBar().deviceMenu(); }
    QPushButton* button() { return m_window->topBar().findChild<QPushButton*>("device"); }
    QPoint place() { return button()->mapToGlobal(QPoint(0, button()->height())); }
    QLabel* message() { return m_window->statusLine().findChild<QLabel*>("message"); }
    QLabel* memory() { return m_window->statusLine().findChild<QLabel*>("memory"); }
    QAction* entry(const QString& id)
    {
        for (QAction* action : menu().actions())
            if (action->data().toString() == id)
                return action;
        return nullptr;
    }
    /// The entry that searches a learning rate.
    QAction* rates()
    {
        for (QAction* action : m_window->actions())
            if (action->text().contains("&learning rate"))
                return action;
        return nullptr;
    }
    /// Whether the entry's name is painted in the secondary colour; smoothed strokes are a little fainter.
    bool isOfSecondaryColour(QAction* action)
    {
        const QImage image = menu().grab(menu().actionGeometry(action)).toImage();
        const auto distance = [&](const QColor& colour) {
            return std::abs(qGray(colour.rgb()) - qGray(theme().color(Role::Panel).rgb()));
        };
        int strongest = 0;
        for (int y = 0; y < image.height(); ++y)
            for (int x = 0; x < image.width(); ++x)
                strongest = std::max(strongest, distance(image.pixelColor(x, y)));
        const int secondary = distance(theme().color(Role::TextDim));
        return strongest <= secondary && strongest > secondary * 8 / 10;
    }
    QStringList titles()
    {
        QStringList all;
        for (const QAction* action : menu().actions())
            all << action->text();
        return all;
    }
    QList<QLabel*> notes() { return menu().findChildren<QLabel*>(); }
    /// The sentence of a note, if all of it is seen in the secondary colour.
    QString readable(QLabel* note)
    {
        const QRect room = note->contentsRect();
        const QRect needed = note->fontMetrics().boundingRect(
            QRect(0, 0, room.width(), 1000), Qt::TextWordWrap | Qt::AlignLeft, note->text());
        const bool whole = note->isVisible() && menu().rect().contains(note->geometry()) &&
                           needed.width() <= room.width() && needed.height() <= room.height();
        const bool secondary = note->palette().color(note->foregroundRole()) == theme().color(Role::TextDim);
        return whole && secondary ? note->accessibleName() : QString("cut or of another colour");
    }

    QTemporaryDir m_dir;
    std::optional<gradloom::test::Environment> m_environment;
    std::unique_ptr<MainWindow> m_window;
};

QTEST_MAIN(TestDeviceMenu)
#include "test_device_menu.moc"
