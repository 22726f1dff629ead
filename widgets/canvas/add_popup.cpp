#include "widgets/canvas/add_popup.h"

#include "widgets/palette/layer_list.h"

#include <QGuiApplication>
#include <QKeyEvent>
#include <QLineEdit>
#include <QScreen>
#include <QVBoxLayout>

namespace gradloom::widgets {

AddPopup::AddPopup(QWidget* parent)
    : QFrame(parent, Qt::Popup | Qt::FramelessWindowHint), m_search(new QLineEdit), m_list(new LayerListView)
{
    setAttribute(Qt::WA_DeleteOnClose);
    setProperty("look", "popup");
    setObjectName("addPopup");
    setAccessibleName(tr("Add a layer"));
    m_search->setPlaceholderText(tr("Add a layer …"));
    m_search->setAccessibleName(tr("Search layers"));
    m_search->installEventFilter(this);
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setDragEnabled(false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 8, 8, 8);
    layout->setSpacing(6);
    layout->addWidget(m_search);
    layout->addWidget(m_list);
    resize(240, 340);
    connect(m_search, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_list->layers().setFilter(text);
        m_list->setCurrentIndex(m_list->layers().index(m_list->layers().bestRow()));
    });
    connect(m_list, &QListView::clicked, this, [this] { choose(); });
    m_list->setCurrentIndex(m_list->layers().index(m_list->layers().bestRow()));
}

void AddPopup::openAt(const QPoint& globalPosition)
{
    QPoint place = globalPosition;
    if (const QScreen* screen = QGuiApplication::screenAt(globalPosition)) {
        const QRect room = screen->availableGeometry();
        place.setX(std::clamp(place.x(), room.left(), std::max(room.left(), room.right() - width())));
        place.setY(std::clamp(place.y(), room.top(), std::max(room.top(), room.bottom() - height())));
    }
    move(place);
    show();
    m_search->setFocus(Qt::PopupFocusReason);
}

void AddPopup::choose()
{
    const std::string type = m_list->typeAt(m_list->currentIndex());
    if (type.empty())
        return;
    Q_EMIT layerChosen(type);
    close();
}

bool AddPopup::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_search && event->type() == QEvent::KeyPress) {
        switch (static_cast<QKeyEvent*>(event)->key()) {
        case Qt::Key_Down:
        case Qt::Key_Tab:
            m_list->step(1);
            return true;
        case Qt::Key_Up:
        case Qt::Key_Backtab:
            m_list->step(-1);
            return true;
        case Qt::Key_Return:
        case Qt::Key_Enter:
            choose();
            return true;
        case Qt::Key_Escape:
            close();
            return true;
        default:
            break;
        }
    }
    return QFrame::eventFilter(watched, event);
}

} // namespace gradloom::widgets
