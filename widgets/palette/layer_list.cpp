#include "widgets/palette/layer_list.h"

#include "widgets/theme/theme.h"

#include "engine/layers/layer_type.h"

#include <QDrag>
#include <QMimeData>
#include <QPainter>

#include <algorithm>

namespace gradloom::widgets {

LayerListModel::LayerListModel(QObject* parent) : QAbstractListModel(parent)
{
    setFilter({});
}

void LayerListModel::setFilter(const QString& text)
{
    beginResetModel();
    m_filter = text.trimmed();
    m_rows.clear();
    const QStringList words = m_filter.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    for (const auto& category : layers::layerCategories()) {
        std::vector<Row> found;
        const QString heading = QString::fromStdString(category.title);
        for (const auto& type : layers::layerTypes().all()) {
            if (type.category != category.id)
                continue;
            Row row{
                QString::fromStdString(type.title), category.id, type.id, QString::fromStdString(type.help)};
            const QString all = row.title + QLatin1Char(' ') + QString::fromStdString(type.id) +
                                QLatin1Char(' ') + heading + QLatin1Char(' ') + row.help;
            const bool fits = std::all_of(words.begin(), words.end(),
                [&](const QString& word) { return all.contains(word, Qt::CaseInsensitive); });
            if (fits)
                found.push_back(std::move(row));
        }
        if (found.empty())
            continue;
        m_rows.push_back({heading, category.id, {}, {}});
        m_rows.insert(m_rows.end(), found.begin(), found.end());
    }
    endResetModel();
}

int LayerListModel::bestRow() const
{
    int best = -1;
    int bestRank = 3;
    for (int row = 0; row < rowCount(); ++row) {
        const Row& entry = m_rows[static_cast<size_t>(row)];
        if (entry.type.empty())
            continue;
        const int rank = entry.title.startsWith(m_filter, Qt::CaseInsensitive) ? 0
                         : entry.title.contains(m_filter, Qt::CaseInsensitive) ? 1
                                                                               : 2;
        if (rank < bestRank) {
            bestRank = rank;
            best = row;
        }
    }
    return best;
}

int LayerListModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

QVariant LayerListModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= rowCount())
        return {};
    const Row& row = m_rows[static_cast<size_t>(index.row())];
    switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
        return row.title;
    case Qt::ToolTipRole:
    case Qt::AccessibleDescriptionRole:
        return row.help.isEmpty() ? QVariant() : row.help;
    case TypeRole:
        return QString::fromStdString(row.type);
    case CategoryRole:
        return QString::fromStdString(row.category);
    default:
        return {};
    }
}

Qt::ItemFlags LayerListModel::flags(const QModelIndex& index) const
{
    if (!index.isValid())
        return Qt::NoItemFlags;
    if (m_rows[static_cast<size_t>(index.row())].type.empty())
        return Qt::ItemIsEnabled;
    return Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsDragEnabled;
}

QMimeData* LayerListModel::mimeData(const QModelIndexList& indexes) const
{
    auto* mime = new QMimeData;
    if (!indexes.isEmpty())
        mime->setData(QLatin1String(layerMimeType), indexes[0].data(TypeRole).toString().toUtf8());
    return mime;
}

void LayerListDelegate::paint(
    QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const Theme& colours = theme();
    const QString title = index.data().toString();
    const QRect rect = option.rect;
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    if (index.data(LayerListModel::TypeRole).toString().isEmpty()) {
        painter->setFont(colours.font(13, QFont::Medium));
        painter->setPen(colours.color(Role::TextDim));
        painter->drawText(rect.adjusted(12, 8, -8, 0), Qt::AlignVCenter, title);
        painter->restore();
        return;
    }
    const bool chosen = option.state & QStyle::State_Selected;
    if (chosen || option.state & QStyle::State_MouseOver) {
        painter->setPen(Qt::NoPen);
        painter->setBrush(colours.color(chosen ? Role::Hover : Role::Raised));
        painter->drawRoundedRect(QRectF(rect).adjusted(5, 1, -5, -1), 6, 6);
    }
    painter->setPen(Qt::NoPen);
    painter->setBrush(colours.category(index.data(LayerListModel::CategoryRole).toString().toStdString()));
    painter->drawRoundedRect(QRectF(rect.left() + 12, rect.center().y() - 4, 9, 9), 2.5, 2.5);
    painter->setFont(colours.font(13));
    painter->setPen(colours.color(Role::Text));
    painter->drawText(rect.adjusted(29, 0, -8, 0), Qt::AlignVCenter, title);
    painter->restore();
}

QSize LayerListDelegate::sizeHint(const QStyleOptionViewItem&, const QModelIndex& index) const
{
    return {160, index.data(LayerListModel::TypeRole).toString().isEmpty() ? 34 : 26};
}

LayerListView::LayerListView(QWidget* parent) : QListView(parent), m_layers(new LayerListModel(this))
{
    setModel(m_layers);
    setItemDelegate(new LayerListDelegate(this));
    setMouseTracking(true);
    setDragEnabled(true);
    setDragDropMode(QAbstractItemView::DragOnly);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setAccessibleName(tr("Layer types"));
    viewport()->setAutoFillBackground(false);
    connect(this, &QListView::activated, this, [this](const QModelIndex& index) {
        if (const std::string type = typeAt(index); !type.empty())
            Q_EMIT layerActivated(type);
    });
    connect(&theme(), &Theme::changed, this, [this] { viewport()->update(); });
}

std::string LayerListView::typeAt(const QModelIndex& index) const
{
    return index.data(LayerListModel::TypeRole).toString().toStdString();
}

void LayerListView::step(int direction)
{
    int row = currentIndex().isValid() ? currentIndex().row() : (direction > 0 ? -1 : m_layers->rowCount());
    do
        row += direction;
    while (row >= 0 && row < m_layers->rowCount() && typeAt(m_layers->index(row)).empty());
    if (row >= 0 && row < m_layers->rowCount())
        setCurrentIndex(m_layers->index(row));
}

QModelIndex LayerListView::moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers)
{
    const QModelIndex next = QListView::moveCursor(action, modifiers);
    if (!next.isValid() || !typeAt(next).empty())
        return next;
    const int direction = next.row() < currentIndex().row() ? -1 : 1;
    for (int row = next.row(); row >= 0 && row < m_layers->rowCount(); row += direction)
        if (!typeAt(m_layers->index(row)).empty())
            return m_layers->index(row);
    return currentIndex();
}

void LayerListView::startDrag(Qt::DropActions)
{
    const QModelIndex index = currentIndex();
    if (typeAt(index).empty())
        return;
    // The pointer carries the row as it stands in the list.
    QStyleOptionViewItem option;
    option.rect = QRect(0, 0, 150, 28);
    option.state = QStyle::State_Enabled | QStyle::State_Selected;
    QPixmap picture(option.rect.size() * devicePixelRatioF());
    picture.setDevicePixelRatio(devicePixelRatioF());
    picture.fill(Qt::transparent);
    QPainter painter(&picture);
    itemDelegate()->paint(&painter, option, index);
    painter.end();
    auto* drag = new QDrag(this);
    drag->setMimeData(m_layers->mimeData({index}));
    drag->setPixmap(picture);
    drag->setHotSpot({16, 14});
    drag->exec(Qt::CopyAction);
}

} // namespace gradloom::widgets
