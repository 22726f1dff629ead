#pragma once

#include "widgets/explain/sample_model.h"

#include <QFrame>

class QComboBox;
class QLabel;
class QLineEdit;
class QListView;

namespace gradloom::widgets {

class OwnPicture;

/// The left side of the Explain page: the test pictures with their filter, and a place for a picture of one's
/// own.
class SamplePanel : public QFrame
{
    Q_OBJECT

public:
    explicit SamplePanel(QWidget* parent = nullptr);

    SampleModel& samples() { return *m_model; }
    /// `target`: see SampleModel::setSource.
    void setData(std::shared_ptr<const train::RunData> data, int target);
    void setResult(std::shared_ptr<const TestResult> result);
    /// One cell of the confusion matrix; -1, -1 takes it back.
    void showCell(int trueClass, int predictedClass);
    /// Selects a picture; the first one on show where it is hidden.
    void select(int64_t position);
    /// The picture now selected, -1 for none.
    int64_t selected() const;
    void clearSelection();
    OwnPicture& ownPicture() { return *m_own; }
    /// Only a network that looks at pictures can be given one.
    void showOwnPicture(bool shown);

Q_SIGNALS:
    void picked(qint64 position);
    /// The filter was changed by hand: the cell of the confusion matrix no longer stands.
    void cellReleased();

private:
    QWidget* buildFilter();
    void applyFilter();
    void updateCount();

    SampleModel* m_model = nullptr;
    QLineEdit* m_search = nullptr;
    QComboBox* m_show = nullptr;
    QListView* m_list = nullptr;
    QLabel* m_count = nullptr;
    QLabel* m_empty = nullptr;
    QLabel* m_ownTitle = nullptr;
    OwnPicture* m_own = nullptr;
    int m_cellTrue = -1;
    int m_cellPredicted = -1;
};

} // namespace gradloom::widgets
