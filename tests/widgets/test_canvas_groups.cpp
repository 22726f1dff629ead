#include "gui_test.h"
#include "plain_model.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/group_editor.h"
#include "widgets/canvas/problem_bubble.h"
#include "widgets/inspector/group_panel.h"
#include "widgets/inspector/inspector.h"
#include "widgets/inspector/param_form.h"
#include "widgets/model/graph_actions.h"
#include "widgets/theme/theme.h"

#include "engine/graph/group_edits.h"

#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>

using namespace gradloom;
using namespace gradloom::widgets;

using Part = GroupItem::Part;
using Ids = std::vector<std::string>;

class TestCanvasGroups : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { setTheme("dark"); }

    /// Input, two convolutions in a group, a pooling behind them.
    void init()
    {
        m_model = std::make_unique<test::PlainModel>();
        m_model->add("input", 0, 120, test::picture());
        const Params same{{"padding", std::string("same")}, {"filters", int64_t{1}}};
        m_model->add("conv2d", 240, 120, same);
        m_model->add("conv2d", 460, 120, same);
        m_model->add("max_pool2d", 760, 120);
        m_model->join("input_1", "conv2d_1");
        m_model->join("conv2d_1", "conv2d_2");
        m_model->join("conv2d_2", "max_pool2d_1");
        QVERIFY(m_model->edit(graph::groupNodes(m_model->graph(), {"conv2d_1", "conv2d_2"}, "Features", {}))
                    .ok());
        m_view = test::shownCanvas(*m_model);
        QTRY_VERIFY(m_view->hasFocus());
    }
    void cleanup()
    {
        m_view.reset();
        m_model.reset();
    }

    void aFrameSurroundsItsNodes()
    {
        for (const char* id : {"conv2d_1", "conv2d_2"}) {
            const NodeItem* node = scene().node(id);
            QVERIFY(item()->area().contains(node->cardRect().translated(node->pos())));
            QVERIFY(item()->zValue() < node->zValue());
        }
        const NodeItem* outside = scene().node("max_pool2d_1");
        QVERIFY(!item()->area().intersects(outside->cardRect().translated(outside->pos())));
    }

    void theTitleSelectsAndMovesAllNodes()
    {
        const auto before = m_model->graph();
        const QPoint title = at(Part::Title);
        mouse().drag(title, title + QPoint(60, 80));
        QCOMPARE(scene().selectedGroups(), Ids{"group_1"});
        const QPointF by(position("conv2d_1").x - 240, position("conv2d_1").y - 120);
        QVERIFY(by.x() > 0 && by.y() > 0);
        QCOMPARE(position("conv2d_2").x, 460 + by.x());
        QCOMPARE(position("conv2d_2").y, 120 + by.y());
        QCOMPARE(position("input_1").x, 0.0);
        QCOMPARE(group().nodes.size(), size_t(2));
        m_model->undo(); // one step
        QVERIFY(m_model->graph() == before);
    }

    void aNodeMovedWithinItsFrameStaysAndTheFrameFollows()
    {
        const double bottom = item()->area().bottom();
        dragNode("conv2d_2", QPointF(0, 50));
        QCOMPARE(group().nodes.size(), size_t(2));
        QVERIFY(item()->area().bottom() > bottom);
    }

    void aNodeDraggedOutLeavesAndOneDroppedInJoins()
    {
        const auto before = m_model->graph();
        dragNode("conv2d_2", QPointF(0, 220));
        QCOMPARE(group().nodes, Ids{"conv2d_1"});
        m_model->undo();
        QVERIFY(m_model->graph() == before);

        mouse().dragTo(middle("max_pool2d_1"), middle("max_pool2d_1") + offset({-250, 0}));
        QVERIFY(item()->takesIn());
        mouse().release(middle("max_pool2d_1"));
        QVERIFY(!item()->takesIn());
        QCOMPARE(group().nodes, (Ids{"conv2d_1", "conv2d_2", "max_pool2d_1"}));
        m_model->undo();
        QVERIFY(m_model->graph() == before);
    }

    void aLayerDroppedIntoAFrameJoins()
    {
        const QPointF place = item()->area().bottomRight() - QPointF(60, 8);
        test::dropLayer(m_view->viewport(), "dropout", m_view->mapFromScene(place));
        QCOMPARE(group().nodes.back(), std::string("dropout_1"));
        // On a connection within the frame too.
        const QPoint from = m_view->portPoint("conv2d_1", {true, 0});
        const QPoint to = m_view->portPoint("conv2d_2", {false, 0});
        test::dropLayer(m_view->viewport(), "batch_norm", (from + to) / 2);
        QCOMPARE(group().nodes.back(), std::string("batch_norm_1"));
        QCOMPARE(m_model->graph().edgeInto("conv2d_2", 0)->from, std::string("batch_norm_1"));
    }

    void collapsingShowsOneBlockWithPorts()
    {
        mouse().click(at(Part::Fold));
        QVERIFY(group().collapsed);
        QVERIFY(item()->isBlock());
        QVERIFY(!scene().node("conv2d_1")->isVisible());
        QVERIFY(!scene().edge({"conv2d_1", 0, "conv2d_2", 0})->isVisible());
        QCOMPARE(item()->ports().size(), size_t(2));
        QCOMPARE(item()->look().layers, QString("2 layers"));
        QCOMPARE(item()->look().count, QString("20 p"));
        // The connections end at the block and say the shapes.
        auto* in = scene().edge({"input_1", 0, "conv2d_1", 0});
        QVERIFY(in->isVisible());
        QCOMPARE(in->label(), QString("28×28×1"));
        QCOMPARE(in->course().path.pointAtPercent(1).x(), item()->area().left());
        mouse().click(at(Part::Fold));
        QVERIFY(!group().collapsed);
        QVERIFY(scene().node("conv2d_1")->isVisible());
        QVERIFY(scene().edge({"conv2d_1", 0, "conv2d_2", 0})->isVisible());
    }

    void aCollapsedBlockShowsWhatItsResultIs()
    {
        mouse().click(at(Part::Fold));
        const double height = item()->area().height();
        QImage strip(224, 28, QImage::Format_RGB32);
        strip.fill(Qt::darkGreen);
        m_view->setActivation("conv2d_1", strip); // not the result
        QVERIFY(item()->activation().isNull());
        m_view->setActivation("conv2d_2", strip);
        QVERIFY(!item()->activation().isNull());
        QVERIFY(item()->area().height() > height);
        m_view->clearActivations();
        QCOMPARE(item()->area().height(), height);
    }

    void aBlockIsMovedConnectedAndDeletedAsOne()
    {
        mouse().click(at(Part::Fold));
        const QPoint handle = m_view->mapFromScene(item()->area().center());
        mouse().drag(handle, handle + QPoint(0, 100));
        QVERIFY(position("conv2d_1").y > 150);
        QCOMPARE(position("conv2d_2").y, position("conv2d_1").y);

        m_model->add("conv2d", 800, 400);
        const QPoint out = m_view->mapFromScene(item()->portPosition(item()->ports().back()));
        mouse().drag(out, m_view->portPoint("conv2d_3", {false, 0}));
        QTRY_VERIFY(m_model->graph().edgeInto("conv2d_3", 0));
        QCOMPARE(m_model->graph().edgeInto("conv2d_3", 0)->from, std::string("conv2d_2"));
        // Dropped on the block's body the first port that fits is meant.
        QVERIFY(m_model->edit({graph::RemoveEdge{{"input_1", 0, "conv2d_1", 0}}, {}}).ok());
        mouse().drag(m_view->portPoint("input_1", {true, 0}), m_view->mapFromScene(item()->area().center()));
        QTRY_VERIFY(m_model->graph().edgeInto("conv2d_1", 0));

        scene().selectGroups({"group_1"});
        m_view->removeSelected();
        QVERIFY(!m_model->graph().find("conv2d_1"));
        QVERIFY(m_model->graph().groups.empty());
        QVERIFY(scene().groups().empty());
    }

    void repetitionIsSetInPlace()
    {
        mouse().click(at(Part::Repeat));
        auto* field = m_view->viewport()->findChild<QSpinBox*>("groupRepeat");
        QTRY_VERIFY(field->isVisible() && field->hasFocus());
        QTest::keyClicks(field, "3");
        QTest::keyClick(field, Qt::Key_Return);
        QVERIFY(!field->isVisible());
        QCOMPARE(group().repeat, 3);
        QCOMPARE(scene().node("conv2d_1")->look().count, QString("10 p × 3"));
        QCOMPARE(item()->look().count, QString("60 p"));
        QCOMPARE(m_model->analysis().parameters, int64_t(60));
        m_model->undo();
        QCOMPARE(group().repeat, 1);
        mouse().click(at(Part::Repeat));
        QTRY_VERIFY(field->hasFocus());
        QTest::keyClicks(field, "9");
        QTest::keyClick(field, Qt::Key_Escape);
        QCOMPARE(group().repeat, 1);
    }

    void doubleClickOnTheTitleRenames()
    {
        mouse().click(at(Part::Title));
        QTest::mouseDClick(m_view->window()->windowHandle(), Qt::LeftButton, {},
            m_view->viewport()->mapTo(m_view->window(), at(Part::Title)));
        auto* field = m_view->viewport()->findChild<QLineEdit*>("groupTitle");
        QTRY_VERIFY(field->isVisible() && field->hasFocus());
        QTest::keyClicks(field, "Edges");
        QTest::keyClick(field, Qt::Key_Return);
        QCOMPARE(group().title, std::string("Edges"));
        QCOMPARE(item()->look().title, QString("Edges"));
        QTRY_VERIFY(m_view->hasFocus());
    }

    void groupAndUngroup()
    {
        const auto before = m_model->graph();
        scene().selectNodes({"conv2d_2", "max_pool2d_1"});
        m_view->groupSelected();
        QCOMPARE(scene().selectedGroup(), std::string("group_2"));
        QCOMPARE(m_model->graph().findGroup("group_2")->nodes, (Ids{"conv2d_2", "max_pool2d_1"}));
        QCOMPARE(group().nodes, Ids{"conv2d_1"});
        m_view->ungroupSelected();
        QVERIFY(!m_model->graph().findGroup("group_2"));
        QCOMPARE(scene().selectedNodes(), (Ids{"conv2d_2", "max_pool2d_1"}));
        m_model->undo();
        m_model->undo();
        QVERIFY(m_model->graph() == before);
        scene().selectNodes({"conv2d_1"});
        m_view->takeOutSelected();
        QCOMPARE(group().nodes, Ids{"conv2d_2"});
    }

    void copyPasteAndDuplicateTakeTheGroupAlong()
    {
        scene().selectGroups({"group_1"});
        m_view->copySelected();
        m_view->paste();
        QCOMPARE(m_model->graph().groups.size(), size_t(2));
        const auto& pasted = m_model->graph().groups[1];
        QCOMPARE(pasted.id, std::string("group_2"));
        QCOMPARE(pasted.title, std::string("Features"));
        QCOMPARE(pasted.nodes, (Ids{"conv2d_3", "conv2d_4"}));
        QCOMPARE(m_model->graph().edgeInto("conv2d_4", 0)->from, std::string("conv2d_3"));
        scene().selectGroups({"group_1"});
        m_view->duplicateSelected();
        QCOMPARE(m_model->graph().groups.size(), size_t(3));
        scene().selectGroups({"group_1"});
        m_view->cutSelected();
        QCOMPARE(m_model->graph().groups.size(), size_t(2));
        m_view->paste();
        QCOMPARE(m_model->graph().groups.size(), size_t(3));
    }

    void theKeyboardWalksIntoBlocksAndOutOfThem()
    {
        scene().selectNodes({"conv2d_1"});
        QTest::keyClick(m_view.get(), Qt::Key_Up, Qt::ControlModifier);
        QCOMPARE(scene().selectedGroup(), std::string("group_1"));
        QTest::keyClick(m_view.get(), Qt::Key_Right, Qt::ControlModifier);
        QCOMPARE(scene().selectedNodes(), Ids{"max_pool2d_1"});
        scene().selectGroups({"group_1"});
        QTest::keyClick(m_view.get(), Qt::Key_Down, Qt::ControlModifier);
        QCOMPARE(scene().selectedNodes(), Ids{"conv2d_1"});
        // A collapsed block is met as a whole.
        m_view->foldSelected();
        QVERIFY(group().collapsed);
        scene().selectNodes({"input_1"});
        QTest::keyClick(m_view.get(), Qt::Key_Right, Qt::ControlModifier);
        QCOMPARE(scene().selectedGroup(), std::string("group_1"));
        QTest::keyClick(m_view.get(), Qt::Key_Down);
        QCOMPARE(position("conv2d_1").y, 120 + NodeItem::snap);
        m_view->renameSelected();
        QVERIFY(m_view->groupEditor().isOpen());
    }

    void aBlockThatCannotBeRepeatedSaysWhyAndIsMended()
    {
        m_model->join("input_1", "max_pool2d_1");
        graph::Group changed = group();
        changed.nodes = {"input_1", "conv2d_1"};
        changed.repeat = 2;
        QVERIFY(m_model->edit(graph::changeGroup(m_model->graph(), changed, {})).ok());
        m_view->showGroup("group_1");
        QTRY_VERIFY(m_view->problemBubble().isVisible());
        QCOMPARE(m_view->problemBubble().problem().group, std::string("group_1"));
        QVERIFY(!item()->look().problem.isEmpty());
        auto* repair = m_view->problemBubble().findChild<QPushButton*>("repair");
        test::Mouse(repair).click(repair->rect().center());
        QTRY_COMPARE(group().repeat, 1);
        QVERIFY(item()->look().problem.isEmpty());
    }

    void theRubberBandChoosesNodesAndNotTheFrameItTouches()
    {
        // From the left, over the frame's title and its first node.
        const QPoint from = m_view->mapFromScene(item()->area().topLeft() - QPointF(14, 14));
        const NodeItem* first = scene().node("conv2d_1");
        const QPoint to = m_view->mapFromScene(first->pos() + QPointF(30, 40));
        mouse().drag(from, to);
        QCOMPARE(scene().selectedNodes(), Ids{"conv2d_1"});
        QVERIFY(scene().selectedGroups().empty());
        // One can begin within a frame.
        const QPoint inside = m_view->mapFromScene(first->pos() + QPointF(-12, 40));
        mouse().drag(inside, inside + QPoint(6, 6));
        QVERIFY(scene().selectedGroups().empty());
    }

    void tidyUpKeepsGroupsTogetherAndApart()
    {
        m_model->add("dense", 300, 300);
        m_view->tidyUp();
        for (const char* id : {"input_1", "max_pool2d_1", "dense_1"}) {
            const NodeItem* node = scene().node(id);
            QVERIFY2(!item()->area().intersects(node->cardRect().translated(node->pos())), id);
        }
    }

    void connectionsBetweenRowsKeepClearOfFrames()
    {
        m_model->add("conv2d", 800, -60);
        m_model->add("dropout", 0, 200); // beside the lower part of the frame
        m_model->join("conv2d_3", "dropout_1");
        const auto& path = scene().edge({"conv2d_3", 0, "dropout_1", 0})->course().path;
        for (int i = 0; i <= 100; ++i)
            QVERIFY(!item()->area().contains(path.pointAtPercent(i / 100.0)));
    }

    void theInspectorShowsTheGroup()
    {
        Inspector inspector(*m_model);
        inspector.resize(300, 700);
        inspector.setSelection({}, "group_1");
        inspector.show();
        inspector.activateWindow();
        QVERIFY(QTest::qWaitForWindowExposed(&inspector));
        GroupPanel& panel = inspector.groupPanel();
        QTRY_VERIFY(panel.isVisible());
        QCOMPARE(panel.titleField().text(), QString("Features"));
        auto* repeat = qobject_cast<QLineEdit*>(panel.form().field("repeat"));
        QVERIFY(repeat);
        test::Mouse(repeat).click(repeat->rect().center());
        QTRY_VERIFY(repeat->hasFocus());
        repeat->selectAll();
        QTest::keyClicks(repeat, "4");
        QCOMPARE(group().repeat, 4);
        panel.titleField().selectAll();
        QTest::keyClicks(&panel.titleField(), "Deep");
        QCOMPARE(group().title, std::string("Deep"));
        const auto labels = panel.findChildren<QLabel*>();
        QVERIFY(std::any_of(
            labels.begin(), labels.end(), [](const QLabel* label) { return label->text() == "80"; }));
        inspector.setSelection({"conv2d_1"});
        QVERIFY(!panel.isVisible());
    }

private:
    CanvasScene& scene() { return m_view->canvasScene(); }
    GroupItem* item() { return scene().group("group_1"); }
    const graph::Group& group() { return *m_model->graph().findGroup("group_1"); }
    graph::Position position(const char* node) { return m_model->graph().find(node)->position; }
    QPoint at(Part part) { return m_view->mapFromScene(item()->partRect(part).center()); }
    QPoint middle(const char* node)
    {
        return m_view->mapFromScene(scene().node(node)->sceneBoundingRect().center());
    }
    QPoint offset(QPointF by) { return (by * m_view->zoom()).toPoint(); }
    test::Mouse mouse() { return test::Mouse(m_view->viewport()); }
    void dragNode(const char* node, QPointF by) { mouse().drag(middle(node), middle(node) + offset(by)); }

    std::unique_ptr<test::PlainModel> m_model;
    std::unique_ptr<CanvasView> m_view;
};

QTEST_MAIN(TestCanvasGroups)
#include "test_canvas_groups.moc"
