#pragma once

#include <QAbstractListModel>
#include <QListView>
#include <QStyledItemDelegate>

#include <string>
#include <vector>

namespace gradloom::widgets {

/// What a dragged layer carries: its type's id as UTF-8.
inline constexpr const char* layerMimeType = "application/x-gradloom-layer";

/// The layer types under the headings of their categories, as the registry has them; rows that fit a search.
class LayerListModel : public QAbstractListModel
{
    Q_OBJECT
public:
    enum { TypeRole = Qt::UserRole, CategoryRole };

    explicit LayerListModel(QObject* parent = nullptr);

    /// Shows what has all words of the text in title, id, category or help; titles that begin with it come to
    /// the top of bestRow().
    void setFilter(const QString& text);
    /// The row that Enter takes: the best match of the search, or -1.
    int bestRow() const;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    QStringList mimeTypes() const override { return {QLatin1String(layerMimeType)}; }
    QMimeData* mimeData(const QModelIndexList& indexes) const override;

private:
    struct Row
    {
        QString title;
        std::string category;
        std::string type; ///< empty for a heading
        QString help;
    };
    std::vector<Row> m_rows;
    QString m_filter;
};

/// Draws headings and layers with the dot of their category.
class LayerListDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(
        QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// The list with model and delegate; skips headings when the keyboard moves through it.
class LayerListView : public QListView
{
    Q_OBJECT
public:
    explicit LayerListView(QWidget* parent = nullptr);
    LayerListModel& layers() { return *m_layers; }
    std::string typeAt(const QModelIndex& index) const;
    /// Moves the current row by one layer up (-1) or down (1).
    void step(int direction);

Q_SIGNALS:
    void layerActivated(const std::string& type);

protected:
    QModelIndex moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers) override;
    void startDrag(Qt::DropActions actions) override;

private:
    LayerListModel* m_layers;
};

} // namespace gradloom::widgets
