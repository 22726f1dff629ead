#include "widgets/explain/score_panel.h"

#include "widgets/explain/confusion_matrix.h"
#include "widgets/live/live_text.h"
#include "widgets/theme/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLocale>
#include <QPainter>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace gradloom::widgets {

namespace {

constexpr size_t mostPairs = 5;

QLabel* section(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text.toUpper(), parent);
    label->setProperty("look", "section");
    return label;
}

/// One pair of classes that are mixed up: a button with the number at its right end.
class PairButton : public QPushButton
{
public:
    PairButton(const QString& pair, const QString& count, QWidget* parent)
        : QPushButton(parent), m_pair(pair), m_count(count)
    {
        setCursor(Qt::PointingHandCursor);
        setAccessibleName(pair + QStringLiteral(": ") + count);
        setFixedHeight(26);
    }

    QSize sizeHint() const override { return {120, 26}; }

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        if (underMouse() || hasFocus()) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(theme().color(Role::Hover));
            painter.drawRoundedRect(QRectF(rect()).adjusted(-6, 0, 6, 0), 5, 5);
        }
        painter.setFont(theme().font(13, QFont::DemiBold));
        painter.setPen(theme().color(Role::Warning));
        painter.drawText(rect(), Qt::AlignRight | Qt::AlignVCenter, m_count);
        const int room = width() - painter.fontMetrics().horizontalAdvance(m_count) - 12;
        painter.setFont(theme().font(13));
        painter.setPen(theme().color(Role::Text));
        painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter,
            painter.fontMetrics().elidedText(m_pair, Qt::ElideRight, room));
    }

private:
    QString m_pair;
    QString m_count;
};

} // namespace

ScorePanel::ScorePanel(QWidget* parent) : QFrame(parent)
{
    setProperty("look", "right");
    setFixedWidth(290);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(14, 12, 14, 12);
    layout->setSpacing(10);
    m_title = section(tr("Confusion matrix"), this);
    layout->addWidget(m_title);
    m_matrix = new ConfusionMatrix(this);
    auto* square = new QHBoxLayout;
    square->setContentsMargins(12, 0, 12, 0);
    square->addWidget(m_matrix);
    layout->addLayout(square);
    m_progressText = new QLabel(this);
    m_progressText->setObjectName("testProgress");
    m_progressText->setProperty("look", "dim");
    m_progress = new QProgressBar(this);
    m_progress->setTextVisible(false);
    m_progress->setAccessibleName(tr("Progress of the evaluation"));
    layout->addWidget(m_progressText);
    layout->addWidget(m_progress);

    m_figures = new QWidget(this);
    auto* figures = new QVBoxLayout(m_figures);
    figures->setContentsMargins(0, 4, 0, 0);
    figures->setSpacing(9);
    m_accuracy = addFigure(figures, tr("Accuracy"), "testAccuracy");
    m_precision = addFigure(figures, tr("Macro precision"), "testPrecision");
    m_recall = addFigure(figures, tr("Macro recall"), "testRecall");
    m_f1 = addFigure(figures, tr("Macro F1"), "testF1");
    figures->addSpacing(4);
    m_confusedTitle = section(tr("Most confused"), m_figures);
    figures->addWidget(m_confusedTitle);
    m_confused = new QVBoxLayout;
    m_confused->setSpacing(1);
    figures->addLayout(m_confused);
    layout->addWidget(m_figures);
    m_numbers = new QWidget(this);
    auto* numbers = new QVBoxLayout(m_numbers);
    numbers->setContentsMargins(0, 4, 0, 0);
    numbers->setSpacing(9);
    m_absolute = addFigure(numbers, tr("Mean absolute error"), "testAbsolute");
    m_square = addFigure(numbers, tr("Root mean square error"), "testSquare");
    layout->addWidget(m_numbers);
    m_hint = new QLabel(
        tr("Click a cell to see its pictures. Rows are true classes, columns what the network says."), this);
    m_hint->setObjectName("testHint");
    m_hint->setProperty("look", "dim");
    m_hint->setWordWrap(true);
    layout->addWidget(m_hint);
    layout->addStretch(1);
    connect(m_matrix, &ConfusionMatrix::cellChosen, this, &ScorePanel::cellChosen);
    clear();
}

QLabel* ScorePanel::addFigure(QVBoxLayout* layout, const QString& caption, const char* name)
{
    auto* row = new QHBoxLayout;
    auto* label = new QLabel(caption);
    label->setProperty("look", "dim");
    auto* value = new QLabel;
    value->setObjectName(QLatin1String(name));
    value->setAccessibleName(caption);
    value->setStyleSheet(QStringLiteral("font-weight: 600"));
    row->addWidget(label);
    row->addStretch(1);
    row->addWidget(value);
    layout->addLayout(row);
    return value;
}

void ScorePanel::clear()
{
    m_matrix->setMatrix({}, {});
    m_matrix->setChosen({});
    m_matrix->hide();
    m_figures->hide();
    m_numbers->hide();
    m_hint->hide();
    m_progress->hide();
    m_progressText->hide();
}

void ScorePanel::setProgress(qint64 done, qint64 total)
{
    const QLocale numbers(QLocale::English);
    m_progressText->setText(
        tr("Judging test pictures: %1 of %2").arg(numbers.toString(done), numbers.toString(total)));
    m_progress->setRange(0, 1000);
    m_progress->setValue(total > 0 ? static_cast<int>(done * 1000 / total) : 0);
    m_progress->show();
    m_progressText->show();
}

void ScorePanel::setResult(const TestResult& result, const QStringList& names)
{
    const train::Evaluation& scores = result.scores;
    m_progress->hide();
    m_progressText->hide();
    const bool classes = !result.predicted.empty();
    m_title->setText((classes ? tr("Confusion matrix") : tr("Test part")).toUpper());
    m_hint->setText(
        classes
            ? tr("Click a cell to see its pictures. Rows are true classes, columns what the network says.")
        : result.numbers
            ? tr("Both in the unit of what is learned.")
            : tr("This network tells neither classes nor numbers of the data set, so there is "
                 "nothing to count; the curves say how good it is."));
    m_hint->show();
    m_matrix->setVisible(classes);
    m_figures->setVisible(classes);
    m_numbers->setVisible(result.numbers.has_value());
    if (result.numbers) {
        m_absolute->setText(QString::number(result.numbers->meanAbsolute, 'g', 4));
        m_square->setText(QString::number(result.numbers->rootMeanSquare, 'g', 4));
    }
    if (!classes)
        return;
    m_matrix->setMatrix(scores.confusion, names);
    const auto share = [](double value) { return QString::number(value, 'f', 3); };
    m_accuracy->setText(QString::fromStdString(percentText(scores.accuracy, 2)));
    m_precision->setText(share(scores.macroPrecision));
    m_recall->setText(share(scores.macroRecall));
    m_f1->setText(share(scores.macroF1));
    fillConfused(scores, names);
}

void ScorePanel::fillConfused(const train::Evaluation& scores, const QStringList& names)
{
    while (QLayoutItem* item = m_confused->takeAt(0)) {
        // Later, because the click that led here may still be on its way through the button.
        item->widget()->deleteLater();
        delete item;
    }
    struct Pair
    {
        int truth;
        int predicted;
        int64_t count;
    };
    std::vector<Pair> pairs;
    for (size_t row = 0; row < scores.confusion.size(); ++row)
        for (size_t column = 0; column < scores.confusion.size(); ++column)
            if (row != column && scores.confusion[row][column] > 0)
                pairs.push_back(
                    {static_cast<int>(row), static_cast<int>(column), scores.confusion[row][column]});
    std::stable_sort(
        pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.count > b.count; });
    if (pairs.size() > mostPairs)
        pairs.resize(mostPairs);
    m_confusedTitle->setVisible(!pairs.empty());
    for (const Pair& pair : pairs) {
        auto* button = new PairButton(
            QStringLiteral("%1 → %2").arg(names.value(pair.truth), names.value(pair.predicted)),
            QString::number(pair.count), m_figures);
        connect(button, &QPushButton::clicked, this, [this, pair] {
            m_matrix->setChosen(ConfusionMatrix::Cell(pair.truth, pair.predicted));
            Q_EMIT cellChosen(pair.truth, pair.predicted);
        });
        m_confused->addWidget(button);
    }
}

} // namespace gradloom::widgets
