#include "widgets/explain/sample_model.h"

#include "widgets/explain/sample_view.h"

#include <algorithm>

namespace gradloom::widgets {

void SampleModel::setSource(std::shared_ptr<const train::RunData> data, int target)
{
    m_target = target;
    m_data = std::move(data);
    m_result.reset();
    rebuild();
}

void SampleModel::setResult(std::shared_ptr<const TestResult> result)
{
    m_result = std::move(result);
    // Without a filter on predictions the rows stay, and with them the place the person has scrolled to.
    if (m_filter.show != SampleFilter::Show::All || m_filter.predictedClass >= 0)
        rebuild();
    else if (!m_rows.empty())
        Q_EMIT dataChanged(index(0), index(rowCount() - 1));
}

void SampleModel::setFilter(const SampleFilter& filter)
{
    if (filter == m_filter)
        return;
    m_filter = filter;
    rebuild();
}

int64_t SampleModel::total() const
{
    return m_data ? m_data->split.test.count() : 0;
}

int SampleModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

QString SampleModel::className(int label) const
{
    static const std::vector<std::string> none;
    const auto& names = m_target < 0 ? none : m_data->loaded.targets[static_cast<size_t>(m_target)].names;
    return label >= 0 && static_cast<size_t>(label) < names.size()
               ? QString::fromStdString(names[static_cast<size_t>(label)])
               : QString::number(label);
}

int SampleModel::trueClass(int64_t position) const
{
    const data::DataPart& part = m_data->split.test;
    return m_target < 0 ? -1
                        : part.dataset->label(
                              part.indices[static_cast<size_t>(position)], static_cast<size_t>(m_target));
}

QString SampleModel::truth(int64_t position) const
{
    const data::DataPart& part = m_data->split.test;
    return truthText(*part.dataset, part.indices[static_cast<size_t>(position)], m_data->loaded, m_target);
}

int SampleModel::predictedClass(int64_t position) const
{
    return m_result && static_cast<size_t>(position) < m_result->predicted.size()
               ? m_result->predicted[static_cast<size_t>(position)]
               : -1;
}

Tensor SampleModel::sample(int64_t position) const
{
    const data::DataPart& part = m_data->split.test;
    return part.dataset->sample(part.indices[static_cast<size_t>(position)]);
}

QVariant SampleModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount())
        return {};
    const int64_t position = positionAt(index.row());
    const int truth = trueClass(position), predicted = predictedClass(position);
    const bool wrong = truth >= 0 && predicted >= 0 && predicted != truth;
    constexpr QSize cell(62, 62);
    switch (role) {
    case Qt::DisplayRole:
        return this->truth(position);
    case Qt::DecorationRole:
        return sampleImage(sample(position), m_data->loaded, cell);
    case Qt::ToolTipRole:
    case Qt::AccessibleTextRole: {
        QString text = tr("#%1 · %2").arg(position).arg(this->truth(position));
        if (truth >= 0 && predicted >= 0)
            text += wrong ? tr(" · taken for %1").arg(className(predicted)) : tr(" · recognised");
        return text;
    }
    case IndexRole:
        return QVariant::fromValue<qlonglong>(position);
    case WrongRole:
        return wrong;
    default:
        return {};
    }
}

bool SampleModel::passes(int64_t position) const
{
    const int truth = trueClass(position), predicted = predictedClass(position);
    if (m_filter.trueClass >= 0 && truth != m_filter.trueClass)
        return false;
    if (m_filter.predictedClass >= 0 && predicted != m_filter.predictedClass)
        return false;
    if (m_filter.show == SampleFilter::Show::Wrong && (predicted < 0 || predicted == truth))
        return false;
    if (m_filter.show == SampleFilter::Show::Right && predicted != truth)
        return false;
    if (m_filter.text.startsWith('#'))
        return QString::number(position).startsWith(m_filter.text.mid(1).trimmed());
    return m_filter.text.isEmpty() || this->truth(position).contains(m_filter.text, Qt::CaseInsensitive);
}

void SampleModel::rebuild()
{
    beginResetModel();
    m_rows.clear();
    for (int64_t position = 0; position < total(); ++position)
        if (passes(position))
            m_rows.push_back(position);
    endResetModel();
}

int SampleModel::rowOf(int64_t position) const
{
    const auto found = std::lower_bound(m_rows.begin(), m_rows.end(), position);
    return found != m_rows.end() && *found == position ? static_cast<int>(found - m_rows.begin()) : -1;
}

} // namespace gradloom::widgets
