#include "app/gui/rate_dialog.h"

#include "source_dir.h"
#include "tests/widgets/gui_test.h"

#include "widgets/theme/theme.h"

#include <QLabel>
#include <QPushButton>

#include <algorithm>

using namespace gradloom;
using namespace gradloom::gui;

/// Search, look, choose, use.
class TestRateDialog : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { widgets::setTheme("dark"); }

    void suggestsARateThatCanBeChangedAndUsed()
    {
        RateDialog dialog({project(), {}, "cpu"}, nullptr);
        dialog.show();
        QVERIFY(QTest::qWaitForWindowExposed(&dialog));
        auto* use = dialog.findChild<QPushButton*>("useRate");
        QVERIFY(use && !use->isEnabled());
        QTRY_VERIFY_WITH_TIMEOUT(use->isEnabled(), 60000);
        const double suggested = dialog.rate();
        QVERIFY(suggested > 1e-6 && suggested < 10);
        auto* chart = dialog.findChild<RateChart*>();
        QVERIFY(chart);
        test::Mouse(chart).click({chart->width() / 3, chart->height() / 2});
        const double clicked = dialog.rate();
        QVERIFY(clicked != suggested);
        QTest::keyClick(chart, Qt::Key_Right);
        QVERIFY(dialog.rate() > clicked);
        QTest::mouseClick(use, Qt::LeftButton);
        QCOMPARE(dialog.result(), static_cast<int>(QDialog::Accepted));
    }

    void whatCannotBeTrainedIsSaid()
    {
        project::Project wrong = project();
        wrong.training.optimizer.type = "magic";
        RateDialog dialog({wrong, {}, "cpu"}, nullptr);
        dialog.show();
        const auto says = [&](const char* words) {
            const auto labels = dialog.findChildren<QLabel*>();
            return std::any_of(
                labels.begin(), labels.end(), [&](QLabel* label) { return label->text().contains(words); });
        };
        QTRY_VERIFY_WITH_TIMEOUT(says("There is no optimizer"), 60000);
        QVERIFY(!dialog.findChild<QPushButton*>("useRate")->isEnabled());
    }

    void closingEndsTheSearch()
    {
        auto dialog = std::make_unique<RateDialog>(RateDialog::Setting{project(), {}, "cpu"}, nullptr);
        dialog->show();
        QVERIFY(QTest::qWaitForWindowExposed(dialog.get()));
        dialog.reset(); // joins
    }

private:
    static project::Project project()
    {
        auto loaded = project::loadProject(GRADLOOM_SOURCE_DIR "/projects/shapes_cnn.gradloom.json").value();
        loaded.data.source.params.set("training", int64_t{600});
        loaded.data.source.params.set("test", int64_t{60});
        return loaded;
    }
};

QTEST_MAIN(TestRateDialog)
#include "test_rate_dialog.moc"
