#include "widgets/palette/layer_list.h"
#include "widgets/palette/palette.h"
#include "widgets/theme/theme.h"

#include "engine/layers/layer_type.h"

#include <QLineEdit>
#include <QMimeData>
#include <QSignalSpy>
#include <QTest>

#include <set>

using namespace gradloom;
using namespace gradloom::widgets;

class TestPalette : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { setTheme("dark"); }

    void listsTheWholeRegistryUnderHeadings()
    {
        LayerListModel model;
        std::set<std::string> shown;
        std::string category;
        for (int row = 0; row < model.rowCount(); ++row) {
            const auto index = model.index(row);
            const std::string type = index.data(LayerListModel::TypeRole).toString().toStdString();
            if (type.empty()) {
                category = index.data(LayerListModel::CategoryRole).toString().toStdString();
                continue;
            }
            QCOMPARE(layers::layerTypes().find(type)->category, category);
            QVERIFY(!index.data(Qt::ToolTipRole).toString().isEmpty());
            shown.insert(type);
        }
        QCOMPARE(shown.size(), layers::layerTypes().all().size());
    }

    void searchFindsAndEnterChooses()
    {
        widgets::Palette palette;
        palette.resize(200, 600);
        palette.show();
        QVERIFY(QTest::qWaitForWindowExposed(&palette));
        QSignalSpy chosen(&palette, &widgets::Palette::layerChosen);
        QTest::keyClicks(&palette.searchField(), "pool");
        QVERIFY(palette.list().layers().rowCount() > 1);
        QTest::keyClick(&palette.searchField(), Qt::Key_Down);
        QTest::keyClick(&palette.searchField(), Qt::Key_Return);
        QCOMPARE(chosen.count(), 1);
        const auto type = chosen[0][0].value<std::string>();
        QVERIFY2(type.find("pool") != std::string::npos, type.c_str());
        QTest::keyClick(&palette.searchField(), Qt::Key_Escape);
        QVERIFY(palette.searchField().text().isEmpty());
    }

    void titleBeatsHelp()
    {
        LayerListModel model;
        model.setFilter("dense");
        QCOMPARE(model.index(model.bestRow()).data(LayerListModel::TypeRole).toString(), QString("dense"));
        model.setFilter("nothing is called like this");
        QCOMPARE(model.rowCount(), 0);
        QCOMPARE(model.bestRow(), -1);
    }

    void dragCarriesTheType()
    {
        LayerListModel model;
        model.setFilter("dense");
        std::unique_ptr<QMimeData> mime(model.mimeData({model.index(model.bestRow())}));
        QCOMPARE(mime->data(layerMimeType), QByteArray("dense"));
    }
};

QTEST_MAIN(TestPalette)
#include "test_palette.moc"
