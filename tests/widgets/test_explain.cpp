#include "source_dir.h"

#include "engine/project/project.h"
#include "widgets/explain/answer_panel.h"
#include "widgets/explain/confusion_matrix.h"
#include "widgets/explain/explain_page.h"
#include "widgets/explain/own_picture.h"
#include "widgets/explain/picture_card.h"
#include "widgets/explain/prediction_bars.h"
#include "widgets/explain/sample_panel.h"
#include "widgets/theme/theme.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QtWidgets>

using namespace gradloom;
using namespace gradloom::widgets;

/// The Explain page with a small network that was really trained.
class TestExplain : public QObject
{
    Q_OBJECT

private:
    project::Project m_project;
    std::shared_ptr<const train::RunData> m_data;
    std::shared_ptr<const train::Weights> m_weights;
    std::unique_ptr<ExplainPage> m_page;

    static graph::Node node(const char* id, const char* type, Params params = {})
    {
        graph::Node result;
        result.id = id;
        result.type = type;
        result.params = std::move(params);
        return result;
    }
    static graph::Graph chain(std::vector<graph::Node> nodes)
    {
        graph::Graph graph;
        graph.nodes = std::move(nodes);
        for (size_t i = 1; i < graph.nodes.size(); ++i)
            graph.edges.push_back({graph.nodes[i - 1].id, 0, graph.nodes[i].id, 0});
        return graph;
    }

    QListView& list() { return *m_page->findChild<QListView*>("sampleList"); }
    SamplePanel& samples() { return *m_page->findChild<SamplePanel*>(); }
    PictureCard& overlay() { return *m_page->findChild<PictureCard*>("overlayCard"); }

    /// The page with everything it needs, after its first answer and its evaluation.
    void openPage()
    {
        m_page = std::make_unique<ExplainPage>();
        m_page->resize(1400, 860);
        QSignalSpy answers(m_page.get(), &ExplainPage::explained);
        m_page->setProject(m_project);
        m_page->setData(m_data);
        m_page->setWeights(m_weights);
        m_page->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_page.get()));
        QTRY_VERIFY_WITH_TIMEOUT(!answers.isEmpty(), 60000);
        QTRY_VERIFY_WITH_TIMEOUT(m_page->findChild<QLabel*>("testAccuracy")->isVisible(), 60000);
    }

    void clickRow(int row)
    {
        const QModelIndex index = list().model()->index(row, 0);
        list().scrollTo(index);
        QTest::mouseClick(list().viewport(), Qt::LeftButton, {}, list().visualRect(index).center());
    }

private Q_SLOTS:
    void initTestCase()
    {
        setTheme("dark");
        auto project = project::loadProject(GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json");
        QVERIFY2(project.ok(), project.ok() ? "" : project.error().message.c_str());
        m_project = *project;
        m_project.data.source.params.set("training", int64_t{600});
        m_project.data.source.params.set("test", int64_t{200});
        m_project.training.epochs = 2;
        auto data = train::loadRunData(m_project, {});
        QVERIFY2(data.ok(), data.ok() ? "" : data.error().message.c_str());
        m_data = std::make_shared<const train::RunData>(std::move(*data));
        train::SessionOptions options;
        options.data = m_data;
        train::TrainSession session(m_project, options);
        const train::SessionResult result = session.wait();
        QVERIFY2(result.state == train::State::Finished, result.error ? result.error->message.c_str() : "");
        m_weights = session.latestWeights();
        QVERIFY(m_weights && !m_weights->empty());
    }

    void cleanup() { m_page.reset(); }

    void withoutWeightsItSaysWhatToDo()
    {
        ExplainPage page;
        page.resize(1200, 800);
        page.setProject(m_project);
        page.setData(m_data);
        page.show();
        QVERIFY(QTest::qWaitForWindowExposed(&page));
        QVERIFY(page.findChild<QLabel*>("explainEmptyText")->text().contains("No trained network"));
        QSignalSpy asked(&page, &ExplainPage::trainRequested);
        QTest::mouseClick(page.findChild<QPushButton*>("explainTrain"), Qt::LeftButton);
        QCOMPARE(asked.count(), 1);
    }

    void foreignWeightsAreRefusedInWords()
    {
        ExplainPage page;
        page.resize(1200, 800);
        page.setProject(m_project);
        page.setData(m_data);
        page.setWeights(
            std::make_shared<const train::Weights>(train::Weights{{"nobody.weight", Tensor(Shape{3})}}));
        page.show();
        auto* sentence = page.findChild<QLabel*>("explainEmptyText");
        QTRY_VERIFY(sentence->isVisible() && sentence->property("look") == "error");
        QVERIFY(!sentence->text().isEmpty());
        page.loadWeights("/nowhere/weights.safetensors");
        QVERIFY(sentence->text().contains("weights.safetensors"));
    }

    void aClickExplainsAnotherPicture()
    {
        openPage();
        QSignalSpy answers(m_page.get(), &ExplainPage::explained);
        const QImage before = overlay().picture();
        QVERIFY(!before.isNull());
        clickRow(4);
        QTRY_VERIFY(!answers.isEmpty());
        QVERIFY(overlay().picture() != before);
        QVERIFY(m_page->findChild<PictureCard*>("inputCard")
                    ->line()
                    .contains(QString::fromStdString(
                        m_data->loaded.classNames()[static_cast<size_t>(samples().samples().trueClass(4))])));
        // Another click on the same picture is nothing new.
        answers.clear();
        clickRow(4);
        QCoreApplication::processEvents();
        QVERIFY(answers.isEmpty());
    }

    void classLayerAndStrengthChangeTheHeat()
    {
        openPage();
        QSignalSpy answers(m_page.get(), &ExplainPage::explained);
        QImage before = overlay().picture();
        auto* strength = m_page->findChild<QSlider*>("strength");
        strength->setValue(100);
        QVERIFY(overlay().picture() != before);

        before = overlay().picture();
        auto* layer = m_page->findChild<QComboBox*>("layerChoice");
        QVERIFY(layer->count() >= 2);
        layer->setFocus();
        QTest::keyClick(layer, layer->currentIndex() == 0 ? Qt::Key_Down : Qt::Key_Up);
        QTRY_COMPARE(answers.count(), 1);
        QVERIFY(overlay().picture() != before);

        auto* bars = m_page->findChild<PredictionBars*>();
        const int second = bars->classAt(1);
        QTest::mouseClick(bars, Qt::LeftButton, {}, QPoint(20, PredictionBars::rowHeight + 10));
        QTRY_COMPARE(answers.count(), 2);
        QVERIFY(overlay().line().contains(
            QString::fromStdString(m_data->loaded.classNames()[static_cast<size_t>(second)])));
    }

    void filtersNarrowTheGrid()
    {
        openPage();
        auto* show = m_page->findChild<QComboBox*>("sampleFilter");
        QCOMPARE(list().model()->rowCount(), 200);
        show->setFocus();
        QTest::keyClick(show, Qt::Key_Down); // wrong only
        const int wrong = list().model()->rowCount();
        for (int row = 0; row < wrong; ++row)
            QVERIFY(list().model()->index(row, 0).data(SampleModel::WrongRole).toBool());
        QTest::keyClick(show, Qt::Key_Down); // right only
        QCOMPARE(list().model()->rowCount(), 200 - wrong);
        QTest::keyClick(show, Qt::Key_Home);
        QTest::keyClicks(m_page->findChild<QLineEdit*>("sampleSearch"), "triangle");
        QVERIFY(list().model()->rowCount() > 0 && list().model()->rowCount() < 200);
        for (int row = 0; row < list().model()->rowCount(); ++row)
            QCOMPARE(list().model()->index(row, 0).data().toString(), QString("Triangle"));
    }

    void aCellOfTheMatrixFiltersTheGrid()
    {
        openPage();
        auto* matrix = m_page->findChild<ConfusionMatrix*>();
        QTest::mouseClick(matrix, Qt::LeftButton, {}, matrix->cellRect({2, 2}).center().toPoint());
        QTRY_VERIFY(list().model()->rowCount() < 200);
        for (int row = 0; row < list().model()->rowCount(); ++row) {
            const int64_t position = samples().samples().positionAt(row);
            QCOMPARE(samples().samples().trueClass(position), 2);
            QCOMPARE(samples().samples().predictedClass(position), 2);
        }
        QTest::mouseClick(matrix, Qt::LeftButton, {}, matrix->cellRect({2, 2}).center().toPoint());
        QCOMPARE(list().model()->rowCount(), 200);
    }

    void onesOwnPicture()
    {
        openPage();
        QTemporaryDir folder;
        QImage image(60, 40, QImage::Format_RGB32);
        image.fill(Qt::white);
        const QString path = folder.filePath("mine.png");
        QVERIFY(image.save(path));
        QSignalSpy answers(m_page.get(), &ExplainPage::explained);
        m_page->openPicture(path);
        QTRY_VERIFY(!answers.isEmpty());
        auto* card = m_page->findChild<PictureCard*>("inputCard");
        QCOMPARE(card->picture().size(), QSize(28, 28));
        QVERIFY(card->line().contains("your own"));
        m_page->openPicture(folder.filePath("missing.png")); // a sentence in its field, no more
        QVERIFY(m_page->isVisible());
    }

    void thePageIsNotBlank()
    {
        openPage();
        const QImage image = m_page->grab().toImage();
        QSet<QRgb> colors;
        for (int y = 0; y < image.height(); y += 4)
            for (int x = 0; x < image.width(); x += 4)
                colors.insert(image.pixel(x, y));
        QVERIFY(colors.size() > 200);
    }

    /// Data that is no pictures: sentences are read, numbers are judged in their own unit.
    void otherDataIsShownToo()
    {
        const struct
        {
            const char* source;
            Params options;
            graph::Graph graph;
            QString hint;
        } cases[] = {{"toy_text", {{"training", int64_t{100}}, {"test", int64_t{60}}},
                         chain({node("in", "input",
                                    {{"shape", std::vector<int64_t>{24}}, {"kind", std::string("tokens")}}),
                             node("words", "embedding", {{"vocabulary", int64_t{300}}, {"size", int64_t{4}}}),
                             node("flat", "flatten"), node("out", "dense", {{"units", int64_t{2}}}),
                             node("loss", "cross_entropy")}),
                         "Click a cell"},
            {"waves", {{"training", int64_t{100}}, {"test", int64_t{60}}, {"task", std::string("forecast")}},
                chain(
                    {node("in", "input", {{"shape", std::vector<int64_t>{100, 1}}}), node("flat", "flatten"),
                        node("out", "dense", {{"units", int64_t{1}}}), node("loss", "mse")}),
                "in the unit"}};
        for (const auto& one : cases) {
            project::Project project;
            project.data.source = {one.source, one.options};
            project.data.preprocess = "none";
            project.graph = one.graph;
            auto data = train::loadRunData(project, {});
            QVERIFY2(data.ok(), data.ok() ? "" : data.error().message.c_str());
            auto shared = std::make_shared<const train::RunData>(std::move(*data));
            auto device = backend::open("cpu", {1});
            auto model = train::Model::create(project.graph, shared->labels(), std::move(*device), 1);
            QVERIFY2(model.ok(), model.ok() ? "" : model.error().message.c_str());
            ExplainPage page;
            page.resize(1400, 860);
            page.setProject(project);
            page.setData(shared);
            page.setWeights(std::make_shared<const train::Weights>((*model)->weights()));
            page.show();
            QVERIFY(QTest::qWaitForWindowExposed(&page));
            auto* hint = page.findChild<QLabel*>("testHint");
            QTRY_VERIFY_WITH_TIMEOUT(hint->isVisible() && hint->text().contains(one.hint), 60000);
            const bool numbers = one.graph.nodes.back().type == "mse";
            auto* absolute = page.findChild<QLabel*>("testAbsolute");
            QCOMPARE(absolute->isVisible(), numbers);
            QVERIFY(!numbers || absolute->text().toDouble() > 0);
            auto* card = page.findChild<PictureCard*>("inputCard");
            QTRY_VERIFY(!card->picture().isNull());
            QVERIFY(card->line().contains("true"));
            QVERIFY(!page.findChild<OwnPicture*>()->isVisible());
            QVERIFY(
                !page.findChild<QListView*>("sampleList")->model()->index(3, 0).data().toString().isEmpty());
        }
    }

    void hiddenItComputesNothing()
    {
        ExplainPage page;
        QSignalSpy answers(&page, &ExplainPage::explained);
        page.setProject(m_project);
        page.setData(m_data);
        page.setWeights(m_weights);
        QCoreApplication::processEvents();
        QVERIFY(answers.isEmpty());
        page.resize(1200, 800);
        page.show();
        QTRY_VERIFY_WITH_TIMEOUT(!answers.isEmpty(), 60000);
    }
};

QTEST_MAIN(TestExplain)
#include "test_explain.moc"
