#include "widgets/explain/sample_panel.h"

#include "widgets/explain/own_picture.h"
#include "widgets/live/choice_box.h"
#include "widgets/theme/theme.h"

#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QLocale>
#include <QPainter>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QVBoxLayout>

namespace gradloom::widgets {

namespace {

constexpr int cellWidth = 76;
constexpr int cellHeight = 90;

/// Entries of the filter's combination box before the classes.
enum Entry { All = -1, Wrong = -2, Right = -3 };

/// A small card: picture, class name, a red frame where the network is wrong.
class SampleDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override
    {
        return {cellWidth, cellHeight};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        const QRectF card = QRectF(option.rect).adjusted(3.5, 3.5, -3.5, -3.5);
        const bool wrong = index.data(SampleModel::WrongRole).toBool();
        const bool selected = option.state & QStyle::State_Selected;
        const Role edge = selected ? Role::Accent : wrong ? Role::Error : Role::Border;
        painter->setPen(QPen(theme().color(edge), selected ? 2 : 1));
        painter->setBrush(theme().color(option.state & QStyle::State_MouseOver ? Role::Hover : Role::Raised));
        painter->drawRoundedRect(card, 7, 7);
        const double side = card.width() - 14;
        painter->setRenderHint(QPainter::SmoothPixmapTransform, false);
        painter->drawImage(QRectF(card.left() + 7, card.top() + 7, side, side),
            index.data(Qt::DecorationRole).value<QImage>());
        painter->setFont(theme().font(11));
        painter->setPen(theme().color(wrong ? Role::Error : selected ? Role::Text : Role::TextDim));
        const QRectF text(
            card.left() + 3, card.top() + side + 8, card.width() - 6, card.bottom() - card.top() - side - 10);
        painter->drawText(text, Qt::AlignCenter,
            QFontMetrics(painter->font())
                .elidedText(index.data().toString(), Qt::ElideRight, static_cast<int>(text.width())));
        painter->restore();
    }
};

QLabel* section(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text.toUpper(), parent);
    label->setProperty("look", "section");
    return label;
}

} // namespace

SamplePanel::SamplePanel(QWidget* parent) : QFrame(parent)
{
    setProperty("look", "left");
    setFixedWidth(3 * cellWidth + 12 + 8 + 12);
    m_model = new SampleModel(this);
    m_list = new QListView(this);
    m_list->setObjectName("sampleList");
    m_list->setModel(m_model);
    m_list->setItemDelegate(new SampleDelegate(m_list));
    m_list->setViewMode(QListView::IconMode);
    m_list->setMovement(QListView::Static);
    m_list->setResizeMode(QListView::Adjust);
    m_list->setUniformItemSizes(true);
    m_list->setGridSize({cellWidth, cellHeight});
    m_list->setMouseTracking(true);
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);
    m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_list->verticalScrollBar()->setSingleStep(cellHeight / 2);
    m_list->setAccessibleName(tr("Test pictures"));
    connect(m_list->selectionModel(), &QItemSelectionModel::currentChanged, this,
        [this](const QModelIndex& current) {
            if (current.isValid())
                Q_EMIT picked(m_model->positionAt(current.row()));
        });
    // A picture that is current but hidden behind one's own comes back by a click on it.
    connect(m_list, &QListView::clicked, this,
        [this](const QModelIndex& index) { Q_EMIT picked(m_model->positionAt(index.row())); });
    connect(m_model, &QAbstractItemModel::modelReset, this, &SamplePanel::updateCount);
    m_empty = new QLabel(tr("No sample passes the filter."), this);
    m_empty->setProperty("look", "dim");
    m_empty->setWordWrap(true);
    m_empty->hide();
    m_own = new OwnPicture(this);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 12, 4, 12);
    layout->setSpacing(8);
    layout->addWidget(section(tr("Test samples"), this));
    layout->addWidget(buildFilter());
    layout->addWidget(m_empty);
    layout->addWidget(m_list, 1);
    layout->addSpacing(2);
    m_ownTitle = section(tr("Your own"), this);
    layout->addWidget(m_ownTitle);
    auto* own = new QHBoxLayout;
    own->setContentsMargins(0, 0, 8, 0);
    own->addWidget(m_own);
    layout->addLayout(own);
}

QWidget* SamplePanel::buildFilter()
{
    auto* box = new QWidget(this);
    auto* layout = new QVBoxLayout(box);
    layout->setContentsMargins(0, 0, 8, 0);
    layout->setSpacing(6);
    m_search = new QLineEdit(box);
    m_search->setObjectName("sampleSearch");
    m_search->setPlaceholderText(tr("class name or #number"));
    m_search->setClearButtonEnabled(true);
    m_search->setAccessibleName(tr("Search in the test pictures"));
    m_show = new ChoiceBox(box);
    m_show->setObjectName("sampleFilter");
    m_show->setAccessibleName(tr("Which test pictures are shown"));
    m_count = new QLabel(box);
    m_count->setObjectName("sampleCount");
    m_count->setProperty("look", "dim");
    layout->addWidget(m_search);
    layout->addWidget(m_show);
    layout->addWidget(m_count);
    connect(m_search, &QLineEdit::textChanged, this, [this] { applyFilter(); });
    connect(m_show, &QComboBox::activated, this, [this] {
        if (m_cellTrue >= 0 || m_cellPredicted >= 0) {
            m_cellTrue = m_cellPredicted = -1;
            Q_EMIT cellReleased();
        }
        applyFilter();
    });
    return box;
}

void SamplePanel::setData(std::shared_ptr<const train::RunData> data, int target)
{
    m_show->clear();
    m_show->addItem(tr("all samples"), int(All));
    const data::Target* kind =
        data && target >= 0 ? &data->loaded.targets[static_cast<size_t>(target)] : nullptr;
    if (kind && kind->isClasses()) {
        m_show->addItem(tr("wrong only"), int(Wrong));
        m_show->addItem(tr("right only"), int(Right));
        for (size_t i = 0; i < kind->names.size(); ++i)
            m_show->addItem(QString::fromStdString(kind->names[i]), static_cast<int>(i));
    }
    m_cellTrue = m_cellPredicted = -1;
    m_search->clear();
    m_model->setFilter({});
    m_model->setSource(std::move(data), target);
}

void SamplePanel::showOwnPicture(bool shown)
{
    m_ownTitle->setVisible(shown);
    m_own->setVisible(shown);
}

void SamplePanel::setResult(std::shared_ptr<const TestResult> result)
{
    const int64_t now = selected();
    m_model->setResult(std::move(result));
    if (now >= 0 && selected() != now)
        if (const int row = m_model->rowOf(now); row >= 0) {
            const QSignalBlocker quiet(m_list->selectionModel()); // the same picture, nothing new to explain
            m_list->setCurrentIndex(m_model->index(row));
        }
}

void SamplePanel::showCell(int trueClass, int predictedClass)
{
    m_cellTrue = trueClass;
    m_cellPredicted = predictedClass;
    m_show->setCurrentIndex(0);
    m_search->clear();
    applyFilter();
    if (m_model->rowCount() > 0)
        m_list->setCurrentIndex(m_model->index(0));
}

void SamplePanel::applyFilter()
{
    SampleFilter filter;
    filter.text = m_search->text().trimmed();
    filter.trueClass = m_cellTrue;
    filter.predictedClass = m_cellPredicted;
    const int chosen = m_show->currentData().toInt();
    if (chosen >= 0)
        filter.trueClass = chosen;
    else if (chosen == Wrong)
        filter.show = SampleFilter::Show::Wrong;
    else if (chosen == Right)
        filter.show = SampleFilter::Show::Right;
    m_model->setFilter(filter);
}

void SamplePanel::updateCount()
{
    const int shown = m_model->rowCount();
    const auto total = static_cast<qlonglong>(m_model->total());
    const QLocale numbers(QLocale::English);
    QString text = shown == total ? tr("%1 samples").arg(numbers.toString(total))
                                  : tr("%1 of %2").arg(numbers.toString(shown), numbers.toString(total));
    if (m_cellTrue >= 0 && m_cellPredicted >= 0)
        text = tr("%1: %2 → %3")
                   .arg(shown)
                   .arg(m_model->className(m_cellTrue), m_model->className(m_cellPredicted));
    m_count->setText(text);
    m_empty->setVisible(shown == 0 && total > 0);
    m_list->setVisible(shown > 0 || total == 0);
}

void SamplePanel::select(int64_t position)
{
    const int row = std::max(0, m_model->rowOf(position));
    if (row >= m_model->rowCount())
        return;
    m_list->setCurrentIndex(m_model->index(row));
    m_list->scrollTo(m_model->index(row), QAbstractItemView::EnsureVisible);
}

int64_t SamplePanel::selected() const
{
    const QModelIndex current = m_list->currentIndex();
    return current.isValid() && m_list->selectionModel()->isSelected(current)
               ? m_model->positionAt(current.row())
               : -1;
}

void SamplePanel::clearSelection()
{
    m_list->clearSelection();
}

} // namespace gradloom::widgets
