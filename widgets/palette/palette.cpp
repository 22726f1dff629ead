#include "widgets/palette/palette.h"

#include "widgets/palette/layer_list.h"
#include "widgets/theme/theme.h"

#include <QAction>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QVBoxLayout>

namespace gradloom::widgets {

Palette::Palette(QWidget* parent) : QFrame(parent), m_search(new QLineEdit), m_list(new LayerListView)
{
    setProperty("look", "left");
    setMinimumWidth(150);
    auto* heading = new QLabel(tr("LAYERS"));
    heading->setProperty("look", "section");
    heading->setContentsMargins(12, 0, 0, 0);
    m_search->setProperty("look", "search");
    m_search->setPlaceholderText(tr("Search layers"));
    m_search->setToolTip(tr("Press Tab on the canvas to search there"));
    m_search->setAccessibleName(tr("Search layers"));
    m_search->setClearButtonEnabled(true);
    m_search->installEventFilter(this);
    auto* icon = m_search->addAction(themedIcon("search", Role::TextDim), QLineEdit::LeadingPosition);
    connect(&theme(), &Theme::changed, this, [icon] { icon->setIcon(themedIcon("search", Role::TextDim)); });

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 12, 0, 0);
    layout->setSpacing(8);
    layout->addWidget(heading);
    auto* searchRow = new QHBoxLayout;
    searchRow->setContentsMargins(12, 0, 12, 0);
    searchRow->addWidget(m_search);
    layout->addLayout(searchRow);
    layout->addWidget(m_list, 1);

    connect(m_search, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_list->layers().setFilter(text);
        if (const int best = m_list->layers().bestRow(); best >= 0 && !text.isEmpty())
            m_list->setCurrentIndex(m_list->layers().index(best));
    });
    connect(m_list, &LayerListView::layerActivated, this, &Palette::layerChosen);
}

bool Palette::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_search && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Down || key == Qt::Key_Up) {
            m_list->step(key == Qt::Key_Down ? 1 : -1);
            return true;
        }
        if (key == Qt::Key_Return || key == Qt::Key_Enter) {
            if (const std::string type = m_list->typeAt(m_list->currentIndex()); !type.empty())
                Q_EMIT layerChosen(type);
            return true;
        }
        if (key == Qt::Key_Escape && !m_search->text().isEmpty()) {
            m_search->clear();
            return true;
        }
    }
    return QFrame::eventFilter(watched, event);
}

} // namespace gradloom::widgets
