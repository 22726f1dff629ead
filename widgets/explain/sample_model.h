#pragma once

#include "widgets/explain/explain_worker.h"

#include <QAbstractListModel>
#include <QPixmap>

namespace gradloom::widgets {

/// Which test pictures are shown.
struct SampleFilter
{
    enum class Show { All, Wrong, Right };
    Show show = Show::All;
    int trueClass = -1;      ///< -1: any
    int predictedClass = -1; ///< -1: any
    QString text;            ///< part of the class name, or "#" and the beginning of a number
    bool operator==(const SampleFilter&) const = default;
};

/// The test pictures that pass a filter. Only what is on show is turned into pictures.
class SampleModel : public QAbstractListModel
{
    Q_OBJECT

public:
    enum Roles {
        IndexRole = Qt::UserRole, ///< position in the test part
        WrongRole                 ///< the network says something else; false where it is not known
    };

    using QAbstractListModel::QAbstractListModel;

    /// `target`: the one among the data set's targets that the network's prediction means, -1 for none.
    void setSource(std::shared_ptr<const train::RunData> data, int target);
    void setResult(std::shared_ptr<const TestResult> result);
    void setFilter(const SampleFilter& filter);
    const SampleFilter& filter() const { return m_filter; }

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;

    /// Row of a position in the test part, -1 where the filter hides it.
    int rowOf(int64_t position) const;
    int64_t positionAt(int row) const { return m_rows[static_cast<size_t>(row)]; }
    int64_t total() const;
    QString className(int label) const;
    /// -1 where the target is not classes.
    int trueClass(int64_t position) const;
    /// What is true of a sample, in words.
    QString truth(int64_t position) const;
    /// -1 where it is not known yet.
    int predictedClass(int64_t position) const;
    /// A copy of the sample as it is stored.
    Tensor sample(int64_t position) const;

private:
    bool passes(int64_t position) const;
    void rebuild();

    std::shared_ptr<const train::RunData> m_data;
    int m_target = -1;
    std::shared_ptr<const TestResult> m_result;
    SampleFilter m_filter;
    std::vector<int64_t> m_rows;
};

} // namespace gradloom::widgets
