#include "widgets/theme/style_sheet.h"
#include "widgets/theme/theme.h"

#include "engine/layers/layer_type.h"

#include <QSignalSpy>
#include <QTest>

using namespace gradloom;
using namespace gradloom::widgets;

class TestTheme : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyThemeHasEveryColour()
    {
        QVERIFY(availableThemes().size() >= 2);
        for (const auto& [id, title] : availableThemes()) {
            setTheme(id);
            QCOMPARE(theme().id(), id);
            QVERIFY(!title.isEmpty());
            for (int role = 0; role <= static_cast<int>(Role::Shadow); ++role)
                QVERIFY2(theme().color(static_cast<Role>(role)).isValid(), qPrintable(id));
            const QColor unknown = theme().category("no such category");
            for (const auto& category : layers::layerCategories())
                QVERIFY2(
                    category.id == "data" || theme().category(category.id) != unknown, category.id.c_str());
        }
    }

    void textIsReadable()
    {
        // Contrast after WCAG 2.1: 4.5 to 1 for text.
        const auto luminance = [](const QColor& c) {
            const auto linear = [](double v) {
                return v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
            };
            return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
        };
        const auto contrast = [&](Role a, Role b) {
            const double x = luminance(theme().color(a)), y = luminance(theme().color(b));
            return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
        };
        for (const auto& [id, title] : availableThemes()) {
            setTheme(id);
            for (Role ground : {Role::Background, Role::Panel, Role::Raised})
                for (Role text : {Role::Text, Role::TextDim})
                    QVERIFY2(contrast(text, ground) >= 4.5, qPrintable(QString("%1: %2 on %3")
                                                                           .arg(id)
                                                                           .arg(static_cast<int>(text))
                                                                           .arg(static_cast<int>(ground))));
            QVERIFY(contrast(Role::SuccessText, Role::Success) >= 4);
        }
    }

    void styleSheetHasNoOpenNames() { QVERIFY(!applicationStyleSheet(theme()).contains('@')); }

    void changeIsTold()
    {
        setTheme("dark");
        QSignalSpy spy(&theme(), &Theme::changed);
        setTheme("light");
        QCOMPARE(spy.count(), 1);
        QVERIFY(!theme().isDark());
        setTheme("no such theme");
        QCOMPARE(theme().id(), QString("light"));
    }

    void iconsTakeTheColour()
    {
        for (const auto* name :
            {"undo", "redo", "menu", "search", "play", "pause", "step", "stop", "chevron_down"}) {
            const QImage image = themedPixmap(name, Qt::red, 16, 1).toImage();
            QVERIFY2(!image.isNull(), name);
            bool red = false;
            for (int y = 0; y < image.height(); ++y)
                for (int x = 0; x < image.width(); ++x)
                    red = red || (image.pixelColor(x, y).alpha() > 128 && image.pixelColor(x, y).red() > 200);
            QVERIFY2(red, name);
        }
    }
};

QTEST_MAIN(TestTheme)
#include "test_theme.moc"
