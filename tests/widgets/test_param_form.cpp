#include "engine/data/augment.h"
#include "engine/data/source_type.h"
#include "widgets/inspector/param_field.h"
#include "widgets/inspector/param_form.h"
#include "widgets/inspector/param_text.h"
#include "widgets/theme/theme.h"

#include <QTest>

using namespace gradloom;
using namespace gradloom::widgets;

namespace {

std::vector<ParamSpec> specs()
{
    return {integerParam("filters", "Filters", 32, 1, 512, "Number of filters"),
        realParam("rate", "Rate", 0.001, 0, 1, "Step length"),
        pairParam("kernel", "Kernel", 3, 3, 1, 11, "Size of the window"),
        shapeParam("shape", "Shape", {28, 28, 1}, "Shape of a sample"),
        choiceParam("padding", "Padding", "valid", {{"valid", "valid"}, {"same", "same"}}, "At the border"),
        switchParam("bias", "Use bias", true, "Adds a constant"),
        textParam("folder", "Folder", "a", "Where")};
}

} // namespace

class TestParamForm : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase()
    {
        setTheme("dark");
        m_form = std::make_unique<ParamForm>();
        m_form->setSpecs(specs());
        connect(
            m_form.get(), &ParamForm::edited, this, [this](const std::string& key, const ParamValue& value) {
                m_values.set(key, value);
                ++m_edits;
            });
        m_form->show();
        m_form->activateWindow();
        QVERIFY(QTest::qWaitForWindowExposed(m_form.get()));
    }
    void init()
    {
        m_values = {};
        m_edits = 0;
        m_form->setValues({});
    }
    void cleanupTestCase() { m_form.reset(); }

    void numberIsReportedWhileTyped()
    {
        auto* field = qobject_cast<ValueField*>(m_form->field("filters"));
        QCOMPARE(field->text(), QString("32"));
        field->selectAll();
        QTest::keyClicks(field, "64");
        QCOMPARE(m_values.integer("filters"), 64);
        QCOMPARE(m_edits, 2); // 6, then 64
        QTest::keyClick(field, Qt::Key_Up);
        QCOMPARE(m_values.integer("filters"), 65);
        QTest::keyClick(field, Qt::Key_Down, Qt::ShiftModifier);
        QCOMPARE(m_values.integer("filters"), 55);
    }

    void wrongTextIsMarkedAndNotReported()
    {
        auto* field = qobject_cast<ValueField*>(m_form->field("filters"));
        field->selectAll();
        QTest::keyClicks(field, "x");
        QVERIFY(field->property("invalid").toBool());
        QCOMPARE(m_edits, 0);
        QVERIFY(field->toolTip().contains("whole number"));
        field->selectAll();
        QTest::keyClicks(field, "5000");
        QVERIFY(field->property("invalid").toBool());
        QVERIFY(field->toolTip().contains("512"));
        QTest::keyClick(field, Qt::Key_Escape);
        QVERIFY(!field->property("invalid").toBool());
    }

    void pairTakesManyWritings()
    {
        const auto spec = specs()[2];
        for (const char* text : {"5", "5x5", "5 × 5", "5,5", " 5 5 "}) {
            const auto value = parseParam(spec, QString::fromUtf8(text));
            QVERIFY2(value.ok(), text);
            QCOMPARE(std::get<std::vector<int64_t>>(*value), (std::vector<int64_t>{5, 5}));
        }
        for (const char* text : {"", "5 5 5", "0", "12", "a", "99999999999999999999"})
            QVERIFY2(!parseParam(spec, text).ok(), text);
    }

    void realIsSteppedByItsLeadingDigit()
    {
        const auto spec = specs()[1];
        ParamValue value = 0.001;
        value = steppedParam(spec, value, 1, false);
        QVERIFY(qFuzzyCompare(std::get<double>(value), 0.002));
        value = steppedParam(spec, ParamValue(0.001), -1, false);
        QVERIFY(qFuzzyCompare(std::get<double>(value), 0.0009));
        value = steppedParam(spec, ParamValue(0.9), 1, false);
        QVERIFY(qFuzzyCompare(std::get<double>(value), 1.0));
        value = steppedParam(spec, value, 1, false);
        QVERIFY(qFuzzyCompare(std::get<double>(value), 1.0));
    }

    void shapeTextChoiceAndSwitch()
    {
        auto* shape = qobject_cast<ValueField*>(m_form->field("shape"));
        shape->selectAll();
        QTest::keyClicks(shape, "32x32x3");
        QCOMPARE(m_values.list("shape"), (std::vector<int64_t>{32, 32, 3}));

        auto* folder = qobject_cast<ValueField*>(m_form->field("folder"));
        folder->selectAll();
        QTest::keyClicks(folder, "data");
        QCOMPARE(m_values.text("folder"), std::string("data"));

        auto* padding = qobject_cast<ChoiceField*>(m_form->field("padding"));
        padding->setFocus();
        QTest::keyClick(padding, Qt::Key_Down);
        QCOMPARE(m_values.text("padding"), std::string("same"));

        auto* bias = qobject_cast<SwitchField*>(m_form->field("bias"));
        QTest::mouseClick(bias, Qt::LeftButton);
        QCOMPARE(m_values.flag("bias"), false);
    }

    void everyFieldHasANameForScreenReaders()
    {
        for (const auto& spec : specs())
            QCOMPARE(m_form->field(spec.key)->accessibleName(), QString::fromStdString(spec.title));
    }

    /// The Data section is built from the registry: every source's options have a field that shows their default, and
    /// paths can be chosen.
    void everyDataSourceHasItsForm()
    {
        for (const auto& type : data::sourceTypes().all()) {
            ParamForm form;
            form.setSpecs(type.parameters);
            form.setValues({});
            for (const auto& spec : type.parameters) {
                const QWidget* field = form.field(spec.key);
                QVERIFY2(field, (type.id + " " + spec.key).c_str());
                if (const auto* value = qobject_cast<const ValueField*>(field)) {
                    QCOMPARE(value->text(), paramText(spec.defaultValue));
                    QCOMPARE(value->actions().size(), spec.unit == "file" || spec.unit == "folder" ? 1 : 0);
                }
            }
        }
        ParamForm augmentation;
        augmentation.setSpecs(data::augmentParameters());
        QVERIFY(augmentation.field("mixup"));
    }

private:
    std::unique_ptr<ParamForm> m_form;
    Params m_values;
    int m_edits = 0;
};

QTEST_MAIN(TestParamForm)
#include "test_param_form.moc"
