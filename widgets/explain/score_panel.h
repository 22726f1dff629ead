#pragma once

#include "widgets/explain/explain_worker.h"

#include <QFrame>

class QLabel;
class QProgressBar;
class QVBoxLayout;

namespace gradloom::widgets {

class ConfusionMatrix;

/// The right side of the Explain page: how good the network is on all test pictures and what it mixes up.
class ScorePanel : public QFrame
{
    Q_OBJECT

public:
    explicit ScorePanel(QWidget* parent = nullptr);

    void setProgress(qint64 done, qint64 total);
    void setResult(const TestResult& result, const QStringList& names);
    /// Forgets the last network's numbers.
    void clear();
    ConfusionMatrix& matrix() { return *m_matrix; }

Q_SIGNALS:
    /// (-1, -1): released.
    void cellChosen(int trueClass, int predictedClass);

private:
    static QLabel* addFigure(QVBoxLayout* layout, const QString& caption, const char* name);
    void fillConfused(const train::Evaluation& scores, const QStringList& names);

    QLabel* m_title = nullptr;
    ConfusionMatrix* m_matrix = nullptr;
    QProgressBar* m_progress = nullptr;
    QLabel* m_progressText = nullptr;
    QLabel* m_accuracy = nullptr;
    QLabel* m_precision = nullptr;
    QLabel* m_recall = nullptr;
    QLabel* m_f1 = nullptr;
    QWidget* m_figures = nullptr; ///< of classes
    QLabel* m_absolute = nullptr;
    QLabel* m_square = nullptr;
    QWidget* m_numbers = nullptr; ///< of numbers
    QLabel* m_confusedTitle = nullptr;
    QVBoxLayout* m_confused = nullptr;
    QLabel* m_hint = nullptr;
};

} // namespace gradloom::widgets
