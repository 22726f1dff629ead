#include "gui_test.h"
#include "plain_model.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/problem_bubble.h"
#include "widgets/model/graph_actions.h"
#include "widgets/theme/theme.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

using namespace gradloom;
using namespace gradloom::widgets;

class TestCanvas : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { setTheme("dark"); }

    void init()
    {
        m_model = std::make_unique<test::PlainModel>();
        m_model->add("input", 0, 0, test::picture());
        m_model->add("conv2d", 220, 0);
        m_model->add("dense", 460, 0);
        m_view = test::shownCanvas(*m_model);
        QTRY_VERIFY(m_view->hasFocus());
    }
    void cleanup()
    {
        m_view.reset();
        m_model.reset();
    }

    void dropFromThePaletteAddsALayer()
    {
        test::dropLayer(m_view->viewport(), "flatten", {500, 400});
        const auto* node = m_model->graph().find("flatten_1");
        QVERIFY(node);
        QVERIFY(m_view->canvasScene().node("flatten_1")->isSelected());
        QCOMPARE(std::fmod(node->position.x, NodeItem::snap), 0.0);
    }

    void dropOnAConnectionInserts()
    {
        m_model->join("input_1", "conv2d_1");
        const QPoint from = m_view->portPoint("input_1", {true, 0});
        const QPoint to = m_view->portPoint("conv2d_1", {false, 0});
        test::dropLayer(m_view->viewport(), "batch_norm", (from + to) / 2);
        QVERIFY(m_model->graph().edgeInto("batch_norm_1", 0));
        QCOMPARE(m_model->graph().edgeInto("batch_norm_1", 0)->from, std::string("input_1"));
        QCOMPARE(m_model->graph().edgeInto("conv2d_1", 0)->from, std::string("batch_norm_1"));
    }

    void connectByDragging()
    {
        test::Mouse mouse(m_view->viewport());
        mouse.dragTo(m_view->portPoint("input_1", {true, 0}), m_view->portPoint("conv2d_1", {false, 0}));
        QVERIFY(m_view->canvasScene().isConnecting());
        QCOMPARE(m_view->canvasScene().node("conv2d_1")->portMark({false, 0}), NodeItem::PortMark::Target);
        mouse.release(m_view->portPoint("conv2d_1", {false, 0}));
        QTRY_COMPARE(m_model->graph().edges.size(), size_t(1));
        auto* edge = m_view->canvasScene().edge({"input_1", 0, "conv2d_1", 0});
        QVERIFY(edge);
        QCOMPARE(edge->label(), QString("28×28×1"));
    }

    void connectFromTheInputBackwards()
    {
        test::Mouse(m_view->viewport())
            .drag(m_view->portPoint("conv2d_1", {false, 0}), m_view->portPoint("input_1", {true, 0}));
        QTRY_COMPARE(m_model->graph().edges.size(), size_t(1));
    }

    void refusedConnectionSaysWhy()
    {
        m_model->join("input_1", "conv2d_1");
        m_model->join("conv2d_1", "dense_1");
        test::Mouse mouse(m_view->viewport());
        // dense -> conv would close a circle.
        mouse.dragTo(m_view->portPoint("dense_1", {true, 0}), m_view->portPoint("conv2d_1", {false, 0}));
        QTRY_VERIFY(m_view->hint().isVisible());
        QVERIFY2(m_view->hint().text().contains("circle"), qPrintable(m_view->hint().text()));
        QCOMPARE(
            m_view->canvasScene().node("conv2d_1")->portMark({false, 0}), NodeItem::PortMark::Impossible);
        mouse.release(m_view->portPoint("conv2d_1", {false, 0}));
        QCOMPARE(m_model->graph().edges.size(), size_t(2));
        QVERIFY(m_view->hint().isVisible());
        QVERIFY(!m_view->canvasScene().isConnecting());
    }

    void pickedUpConnectionIsTakenAway()
    {
        m_model->join("input_1", "conv2d_1");
        test::Mouse(m_view->viewport())
            .drag(m_view->portPoint("conv2d_1", {false, 0}),
                m_view->portPoint("conv2d_1", {false, 0}) + QPoint(0, 200));
        QTRY_VERIFY(m_model->graph().edges.empty());
    }

    void droppedOnNothingOffersALayer()
    {
        const QPoint from = m_view->portPoint("conv2d_1", {true, 0});
        test::Mouse(m_view->viewport()).drag(from, from + QPoint(30, 220));
        auto* popup = QApplication::activePopupWidget();
        QTRY_VERIFY((popup = QApplication::activePopupWidget()) != nullptr);
        QTest::keyClicks(popup->findChild<QLineEdit*>(), "flatten");
        QTest::keyClick(popup->findChild<QLineEdit*>(), Qt::Key_Return);
        QTRY_VERIFY(m_model->graph().edgeInto("flatten_1", 0));
        QCOMPARE(m_model->graph().edgeInto("flatten_1", 0)->from, std::string("conv2d_1"));
    }

    void tabOpensTheSearch()
    {
        QTest::keyClick(m_view.get(), Qt::Key_Tab);
        QWidget* popup = nullptr;
        QTRY_VERIFY((popup = QApplication::activePopupWidget()) != nullptr);
        QTest::keyClicks(popup->findChild<QLineEdit*>(), "dropout");
        QTest::keyClick(popup->findChild<QLineEdit*>(), Qt::Key_Return);
        QTRY_VERIFY(m_model->graph().find("dropout_1"));
    }

    void selectMoveAndDelete()
    {
        m_model->join("input_1", "conv2d_1");
        test::Mouse mouse(m_view->viewport());
        const auto* item = m_view->canvasScene().node("conv2d_1");
        const QPoint middle = m_view->mapFromScene(item->sceneBoundingRect().center());
        mouse.drag(middle, middle + QPoint(63, 84));
        QVERIFY(item->isSelected());
        const auto place = m_model->graph().find("conv2d_1")->position;
        QCOMPARE(std::fmod(place.x, NodeItem::snap), 0.0);
        QVERIFY(std::abs(place.x - 220 - 63 / m_view->zoom()) <= NodeItem::snap);
        QTest::keyClick(m_view.get(), Qt::Key_Right);
        QCOMPARE(m_model->graph().find("conv2d_1")->position.x, place.x + NodeItem::snap);
        m_view->removeSelected();
        QVERIFY(!m_model->graph().find("conv2d_1"));
        QVERIFY(m_model->graph().edges.empty());
    }

    void rubberBandSelects()
    {
        test::Mouse(m_view->viewport()).drag({4, 590}, {1090, 4});
        QTRY_COMPARE(m_view->canvasScene().selectedNodes().size(), size_t(3));
    }

    void wheelZoomsToThePointer()
    {
        const QPoint place(300, 200);
        const QPointF before = m_view->mapToScene(place);
        const double zoom = m_view->zoom();
        QWheelEvent wheel(
            place, m_view->viewport()->mapToGlobal(place), {}, {0, 240}, {}, {}, Qt::NoScrollPhase, false);
        QApplication::sendEvent(m_view->viewport(), &wheel);
        QVERIFY(m_view->zoom() > zoom * 1.2);
        const QPointF moved = m_view->mapToScene(place) - before;
        QVERIFY(std::hypot(moved.x(), moved.y()) < 2);
    }

    void middleButtonPans()
    {
        const QPointF before = m_view->mapToScene(QPoint(0, 0));
        test::Mouse(m_view->viewport()).drag({600, 500}, {700, 450}, Qt::MiddleButton);
        const QPointF moved = m_view->mapToScene(QPoint(0, 0)) - before;
        QVERIFY(std::abs(moved.x() + 100 / m_view->zoom()) < 2);
        QVERIFY(std::abs(moved.y() - 50 / m_view->zoom()) < 2);
    }

    void faultShowsRepairAndOneClickMends()
    {
        m_model->join("input_1", "conv2d_1");
        m_model->join("conv2d_1", "dense_1"); // a picture, where Dense wants a list of numbers
        m_view->showNode("dense_1");
        QTRY_VERIFY(m_view->problemBubble().isVisible());
        QCOMPARE(m_view->problemBubble().problem().node, std::string("dense_1"));
        QVERIFY(!m_view->canvasScene().node("dense_1")->look().problem.isEmpty());
        auto* repair = m_view->problemBubble().findChild<QPushButton*>("repair");
        QVERIFY(repair);
        test::Mouse(repair).click(repair->rect().center());
        QTRY_VERIFY(!m_model->analysis().problemOf("dense_1"));
        QVERIFY(m_view->canvasScene().node("dense_1")->look().problem.isEmpty());
    }

    void dismissedFaultStaysAway()
    {
        m_model->join("input_1", "conv2d_1");
        m_model->join("conv2d_1", "dense_1");
        m_view->showNode("dense_1");
        QTRY_VERIFY(m_view->problemBubble().isVisible());
        const std::string message = m_view->problemBubble().problem().message;
        auto* dismiss = m_view->problemBubble().findChild<QPushButton*>("dismiss");
        test::Mouse(dismiss).click(dismiss->rect().center());
        QVERIFY(!m_view->problemBubble().isVisible() || m_view->problemBubble().problem().message != message);
    }

    void activationGrowsTheNode()
    {
        auto* item = m_view->canvasScene().node("conv2d_1");
        const double height = item->size().height();
        QImage strip(224, 28, QImage::Format_RGB32);
        strip.fill(Qt::darkGreen);
        m_view->setActivation("conv2d_1", strip);
        QVERIFY(item->size().height() > height);
        QCOMPARE(m_view->canvasScene().node("conv2d_1"), item);
        m_view->clearActivations();
        QCOMPARE(item->size().height(), height);
    }

    void copyAndPaste()
    {
        m_model->join("input_1", "conv2d_1");
        m_view->canvasScene().selectNodes({"input_1", "conv2d_1"});
        m_view->copySelected();
        m_view->paste();
        QVERIFY(m_model->graph().find("conv2d_2"));
        QCOMPARE(m_model->graph().edgeInto("conv2d_2", 0)->from, std::string("input_2"));
        QCOMPARE(m_view->canvasScene().selectedNodes().size(), size_t(2));
        QVERIFY(!pasteText(m_model->graph(), "{\"format\": 1, \"nodes\": [", {}).has_value());
    }

    void appendGoesBehindTheSelection()
    {
        m_model->join("input_1", "conv2d_1");
        m_model->join("conv2d_1", "dense_1");
        m_view->canvasScene().selectNodes({"conv2d_1"});
        m_view->appendLayer("flatten");
        QCOMPARE(m_model->graph().edgeInto("flatten_1", 0)->from, std::string("conv2d_1"));
        QCOMPARE(m_model->graph().edgeInto("dense_1", 0)->from, std::string("flatten_1"));
        const auto* flatten = m_view->canvasScene().node("flatten_1");
        const auto* dense = m_view->canvasScene().node("dense_1");
        QVERIFY(!flatten->sceneBoundingRect().intersects(dense->sceneBoundingRect()));
    }

    void walkingWithTheKeyboard()
    {
        m_model->join("input_1", "conv2d_1");
        QTest::keyClick(m_view.get(), Qt::Key_Right, Qt::ControlModifier);
        QCOMPARE(m_view->canvasScene().selectedNodes(), std::vector<std::string>{"input_1"});
        QTest::keyClick(m_view.get(), Qt::Key_Right, Qt::ControlModifier);
        QCOMPARE(m_view->canvasScene().selectedNodes(), std::vector<std::string>{"conv2d_1"});
        QTest::keyClick(m_view.get(), Qt::Key_Left, Qt::ControlModifier);
        QCOMPARE(m_view->canvasScene().selectedNodes(), std::vector<std::string>{"input_1"});
    }

    void tidyUpLeavesNothingOverlapping()
    {
        m_model->join("input_1", "conv2d_1");
        for (const auto& node : m_model->graph().nodes)
            QVERIFY(m_model->edit({graph::MoveNode{node.id, {0, 0}}, {}}, {}).ok());
        m_view->tidyUp();
        const auto nodes = m_view->canvasScene().nodes();
        for (const auto* a : nodes)
            for (const auto* b : nodes)
                QVERIFY(a == b || !a->sceneBoundingRect().intersects(b->sceneBoundingRect()));
    }

private:
    std::unique_ptr<test::PlainModel> m_model;
    std::unique_ptr<CanvasView> m_view;
};

QTEST_MAIN(TestCanvas)
#include "test_canvas.moc"
