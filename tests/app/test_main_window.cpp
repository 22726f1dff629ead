#include "app/gui/autosave.h"

#include "app/gui/main_window.h"
#include "source_dir.h"
#include "tests/widgets/gui_test.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/problem_bubble.h"
#include "widgets/inspector/group_panel.h"
#include "widgets/inspector/inspector.h"
#include "widgets/inspector/layer_panel.h"
#include "widgets/inspector/param_form.h"
#include "widgets/palette/palette.h"
#include "widgets/shell/page_switch.h"
#include "widgets/shell/run_bar.h"
#include "widgets/shell/status_line.h"
#include "widgets/shell/top_bar.h"
#include "widgets/theme/theme.h"

#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTimer>
#include <QToolButton>

using namespace gradloom;
using namespace gradloom::gui;
using namespace gradloom::widgets;

class TestMainWindow : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        QStandardPaths::setTestModeEnabled(true);
        QCoreApplication::setOrganizationName("GradloomTest");
        QCoreApplication::setApplicationName("GradloomTest");
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_dir.path());
        std::filesystem::remove_all(Autosave::folder());
        setTheme("dark");
    }

    void init()
    {
        QSettings().clear();
        m_window = std::make_unique<MainWindow>();
        m_window->resize(1500, 900);
        m_window->show();
        m_window->activateWindow();
        QVERIFY(QTest::qWaitForWindowExposed(m_window.get()));
        QVERIFY(m_window->openProject(sample()));
        canvas().setFocus();
        QTRY_VERIFY(canvas().hasFocus());
    }
    void cleanup() { m_window.reset(); }

    void opensTheSampleValid()
    {
        QVERIFY(document().analysis().valid());
        QCOMPARE(document().analysis().parameters, int64_t(93322));
        QVERIFY(verdict()->text().contains("valid"));
        const auto memoryShown = [this] {
            const auto labels = m_window->statusLine().findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
                return label->isVisible() && label->text().contains("at batch 64");
            });
        };
        QTRY_VERIFY(memoryShown());
        QCOMPARE(canvas().canvasScene().nodes().size(), document().graph().nodes.size());
    }

    void editingAParameterChangesShapesLive()
    {
        clickNode("conv2d_1");
        auto* field = form().findChild<QLineEdit*>("filters");
        QTRY_VERIFY(field && field->isVisible());
        test::Mouse(field).click(field->rect().center());
        QTRY_VERIFY(field->hasFocus());
        field->selectAll();
        QTest::keyClicks(field, "40");
        auto* edge = canvas().canvasScene().edge({"conv2d_1", 0, "max_pool2d_1", 0});
        QTRY_COMPARE(edge->label(), QString("26×26×40"));
        QCOMPARE(canvas().canvasScene().node("conv2d_1")->look().count, QString("400 p"));
        QCOMPARE(field->text(), QString("40"));
        QCOMPARE(document().undoStack().count(), 1);

        QTest::keySequence(&canvas(), QKeySequence::Undo);
        QTRY_COMPARE(edge->label(), QString("26×26×32"));
        auto* button = m_window->topBar().findChild<QToolButton*>("redo");
        test::Mouse(button).click(button->rect().center());
        QTRY_COMPARE(edge->label(), QString("26×26×40"));
    }

    void dragFromThePaletteUndoAndRedo()
    {
        const auto before = document().graph();
        test::dropLayer(
            canvas().viewport(), "dropout", canvas().viewport()->rect().bottomLeft() + QPoint(200, -120));
        QVERIFY(document().graph().find("dropout_1"));
        QTRY_COMPARE(nameField().text(), QString("dropout_1"));
        document().undoStack().undo();
        QVERIFY(document().graph() == before);
        QVERIFY(!canvas().canvasScene().node("dropout_1"));
        document().undoStack().redo();
        QVERIFY(canvas().canvasScene().node("dropout_1"));
    }

    void doubleClickInThePaletteAppends()
    {
        clickNode("flatten_1");
        auto& list = m_window->palette().list();
        QTest::keyClicks(&m_window->palette().searchField(), "dropout");
        const QModelIndex row = list.layers().index(list.layers().bestRow());
        const QPoint place = list.visualRect(row).center();
        test::Mouse mouse(list.viewport());
        mouse.click(place);
        QTest::mouseDClick(list.viewport(), Qt::LeftButton, {}, place);
        QTRY_VERIFY(document().graph().find("dropout_1"));
        QCOMPARE(document().graph().edgeInto("dropout_1", 0)->from, std::string("flatten_1"));
        QCOMPARE(document().graph().edgeInto("dense_1", 0)->from, std::string("dropout_1"));
        QVERIFY(document().analysis().valid());
    }

    void deleteKeyAndRepair()
    {
        clickNode("flatten_1");
        QTest::keyClick(&canvas(), Qt::Key_Delete);
        QTRY_VERIFY(!document().graph().find("flatten_1"));
        QVERIFY(!document().analysis().valid());
        QTRY_VERIFY(canvas().problemBubble().isVisible());
        QVERIFY(!m_window->runBar().findChild<QPushButton*>("train")->isEnabled());
        auto* repair = canvas().problemBubble().findChild<QPushButton*>("repair");
        QVERIFY(repair && repair->isVisible());
        test::Mouse(repair).click(repair->rect().center());
        QTRY_VERIFY(document().analysis().valid());
        QTRY_VERIFY(!canvas().problemBubble().isVisible());
        QVERIFY(m_window->runBar().findChild<QPushButton*>("train")->isEnabled());
    }

    void renameInTheInspector()
    {
        clickNode("dense_1");
        test::Mouse(&nameField()).click(nameField().rect().center());
        nameField().selectAll();
        QTest::keyClicks(&nameField(), "decide");
        QTest::keyClick(&nameField(), Qt::Key_Return);
        QTRY_VERIFY(document().graph().find("decide"));
        QCOMPARE(canvas().canvasScene().selectedNodes(), std::vector<std::string>{"decide"});
        QCOMPARE(nameField().text(), QString("decide"));
    }

    void aBlockIsMadeChangedSavedAndUndoneWithTheKeyboard()
    {
        const auto before = document().graph();
        clickNode("conv2d_1");
        test::Mouse(canvas().viewport()).click(middle("max_pool2d_1"), Qt::ControlModifier);
        QCOMPARE(canvas().canvasScene().selectedNodes().size(), size_t(2));
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::Key_G));
        QTRY_COMPARE(document().graph().groups.size(), size_t(1));
        QVERIFY(m_window->inspector().groupPanel().isVisible());
        QVERIFY(!m_window->inspector().layerPanel().isVisible());

        QTest::keyClick(&canvas(), Qt::Key_F2);
        auto* title = canvas().viewport()->findChild<QLineEdit*>("groupTitle");
        QTRY_VERIFY(title->hasFocus());
        QTest::keyClicks(title, "Stem");
        QTest::keyClick(title, Qt::Key_Return);
        QCOMPARE(document().graph().groups[0].title, std::string("Stem"));
        QTRY_VERIFY(canvas().hasFocus());
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::Key_E));
        QVERIFY(document().graph().groups[0].collapsed);
        QVERIFY(document().analysis().valid());

        QTest::keyClick(&canvas(), Qt::Key_Return); // into the inspector
        auto* repeat = qobject_cast<QLineEdit*>(m_window->inspector().groupPanel().form().field("repeat"));
        QTRY_VERIFY(repeat && repeat->hasFocus());
        repeat->selectAll();
        QTest::keyClicks(repeat, "12");
        QCOMPARE(document().graph().groups[0].repeat, 12); // 28×28 cannot be halved so often
        QVERIFY(!document().analysis().valid());
        QVERIFY2(verdict()->toolTip().contains("In repetition"), qPrintable(verdict()->toolTip()));
        test::Mouse(verdict()).click(verdict()->rect().center());
        QCOMPARE(canvas().canvasScene().selectedGroup(), document().graph().groups[0].id);

        const auto path = toPath(m_dir.filePath("block.gradloom.json"));
        QVERIFY(document().saveAs(path).ok());
        const auto saved = document().graph();
        QVERIFY(document().open(path).ok());
        QVERIFY(document().graph() == saved);
        QVERIFY(document().open(sample()).ok());
        QVERIFY(document().graph() == before);
    }

    void groupingIsUndoneStepByStep()
    {
        const auto before = document().graph();
        clickNode("conv2d_1");
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::Key_G));
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::Key_E));
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::Key_D));
        QCOMPARE(document().graph().groups.size(), size_t(2));
        QTest::keySequence(&canvas(), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_G));
        QCOMPARE(document().graph().groups.size(), size_t(1));
        QCOMPARE(document().undoStack().count(), 4);
        for (int i = 0; i < 4; ++i)
            QTest::keySequence(&canvas(), QKeySequence::Undo);
        QVERIFY(document().graph() == before);
        QVERIFY(canvas().canvasScene().groups().empty());
    }

    void trainingSettings()
    {
        m_window->inspector().showTab(Inspector::Training);
        auto* epochs = m_window->inspector().findChild<QLineEdit*>("epochs");
        QTRY_VERIFY(epochs && epochs->isVisible());
        epochs->setFocus();
        epochs->selectAll();
        QTest::keyClicks(epochs, "3");
        QCOMPARE(document().project().training.epochs, int64_t(3));
        QVERIFY(m_window->windowTitle().contains("fashion_cnn"));
        QVERIFY(m_window->isWindowModified());
    }

    void saveAndLoad()
    {
        clickNode("conv2d_1");
        QTest::keyClick(&canvas(), Qt::Key_Down);
        const auto path = toPath(m_dir.filePath("mine.gradloom.json"));
        QVERIFY(document().saveAs(path).ok());
        const auto saved = document().project();
        QTest::keyClick(&canvas(), Qt::Key_Down);
        QVERIFY(m_window->isWindowModified());
        QTest::keySequence(&canvas(), QKeySequence::Save);
        QTRY_VERIFY(!m_window->isWindowModified());
        QVERIFY(m_window->openProject(path));
        QVERIFY(!(document().project() == saved));
    }

    void closingAsksAboutChanges()
    {
        clickNode("conv2d_1");
        QTest::keyClick(&canvas(), Qt::Key_Down);
        bool asked = false;
        QTimer answer;
        connect(&answer, &QTimer::timeout, this, [&] {
            if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget())) {
                asked = true;
                box->button(QMessageBox::Cancel)->click();
            }
        });
        answer.start(20);
        QVERIFY(!m_window->close());
        QVERIFY(asked);
        document().undoStack().undo();
        QVERIFY(m_window->close());
    }

    void runBarReportsAndShows()
    {
        auto& bar = m_window->runBar();
        QSignalSpy train(&bar, &RunBar::trainRequested);
        QSignalSpy pause(&bar, &RunBar::pauseRequested);
        QSignalSpy resume(&bar, &RunBar::resumeRequested);
        QSignalSpy stop(&bar, &RunBar::stopRequested);
        auto* button = bar.findChild<QPushButton*>("train");
        test::Mouse(button).click(button->rect().center());
        QCOMPARE(train.count(), 1);
        bar.setState(RunBar::State::Running);
        bar.setProgress(0.5, "epoch 4/8 · 0:41 left");
        auto* pauseButton = bar.findChild<QToolButton*>("pause");
        QTRY_VERIFY(pauseButton->isVisible() && !button->isVisible());
        QTRY_VERIFY(pauseButton->width() > 0 && m_window->topBar().rect().contains(pauseButton->mapTo(
                                                    &m_window->topBar(), pauseButton->rect().center())));
        pauseButton->click();
        bar.setState(RunBar::State::Paused);
        pauseButton->click();
        bar.findChild<QToolButton*>("stop")->click();
        QCOMPARE(pause.count(), 1);
        QCOMPARE(resume.count(), 1);
        QCOMPARE(stop.count(), 1);
    }

    void pagesAppearWhenGiven()
    {
        int made = 0;
        m_window->addPage(MainWindow::Page::Train, [&] {
            ++made;
            return new QLabel("train");
        });
        m_window->addPage(MainWindow::Page::Explain, [] { return new QLabel("explain"); });
        QCOMPARE(made, 0);
        m_window->showPage(MainWindow::Page::Train);
        QCOMPARE(made, 1);
        QVERIFY(canvas().isVisible());
        QVERIFY(m_window->pageWidget(MainWindow::Page::Train)->isVisible());
        QVERIFY(!m_window->palette().isVisible());
        m_window->showPage(MainWindow::Page::Explain);
        QVERIFY(!canvas().isVisible());
        m_window->showPage(MainWindow::Page::Build);
        QVERIFY(canvas().isVisible() && m_window->palette().isVisible());
        QCOMPARE(made, 1);
    }

    void bothThemesPaint()
    {
        for (const char* id : {"light", "dark"}) {
            setTheme(id);
            const QImage image = m_window->grab().toImage();
            const QColor ground = image.pixelColor(image.width() / 2, image.height() - 60);
            QCOMPARE(ground.lightness() > 128, QString(id) == "light");
            QSet<QRgb> colours;
            for (int y = 0; y < image.height(); y += 3)
                for (int x = 0; x < image.width(); x += 3)
                    colours.insert(image.pixel(x, y));
            QVERIFY(colours.size() > 100);
        }
    }

    void everyControlHasAName()
    {
        for (auto* widget : m_window->findChildren<QWidget*>()) {
            const bool control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QLineEdit*>(widget);
            const bool partOfField = qobject_cast<QLineEdit*>(widget->parentWidget());
            if (!control || partOfField || !widget->isVisible())
                continue;
            auto* button = qobject_cast<QAbstractButton*>(widget);
            QVERIFY2(!widget->accessibleName().isEmpty() || (button && !button->text().isEmpty()),
                qPrintable(QString("%1 %2").arg(widget->metaObject()->className(), widget->objectName())));
        }
    }

private:
    std::filesystem::path sample() const
    {
        return std::filesystem::path(GRADLOOM_SOURCE_DIR) / "projects/fashion_cnn.gradloom.json";
    }
    Document& document() { return m_window->document(); }
    CanvasView& canvas() { return m_window->canvas(); }
    ParamForm& form() { return m_window->inspector().layerPanel().form(); }
    QLineEdit& nameField() { return m_window->inspector().layerPanel().nameField(); }
    QPushButton* verdict() { return m_window->findChild<QPushButton*>("verdict"); }
    QPoint middle(const std::string& id)
    {
        return canvas().mapFromScene(canvas().canvasScene().node(id)->sceneBoundingRect().center());
    }
    void clickNode(const std::string& id)
    {
        const auto* item = canvas().canvasScene().node(id);
        QVERIFY(item);
        test::Mouse(canvas().viewport()).click(canvas().mapFromScene(item->sceneBoundingRect().center()));
        QTRY_VERIFY(item->isSelected());
    }

    QTemporaryDir m_dir;
    std::unique_ptr<MainWindow> m_window;
};

QTEST_MAIN(TestMainWindow)
#include "test_main_window.moc"
