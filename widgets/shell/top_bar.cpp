#include "widgets/shell/top_bar.h"

#include "widgets/shell/page_switch.h"
#include "widgets/shell/run_bar.h"
#include "widgets/theme/theme.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>

namespace gradloom::widgets {

namespace {

constexpr int barHeight = 48;

QWidget* rowOf(std::initializer_list<QWidget*> parts, QWidget* parent, int spacing)
{
    auto* row = new QWidget(parent);
    auto* layout = new QHBoxLayout(row);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(spacing);
    for (QWidget* part : parts)
        layout->addWidget(part);
    return row;
}

} // namespace

TopBar::TopBar(QWidget* parent)
    : QFrame(parent), m_menuButton(new QToolButton), m_brand(new QLabel), m_file(new QLabel),
      m_undo(new QToolButton), m_redo(new QToolButton), m_pages(new PageSwitch(this)),
      m_device(new QPushButton), m_deviceMenu(new QMenu(this)), m_run(new RunBar)
{
    setProperty("look", "bar");
    setFixedHeight(barHeight);
    m_menuButton->setProperty("look", "flat");
    m_menuButton->setObjectName("menuButton");
    m_menuButton->setAccessibleName(tr("Menu"));
    m_menuButton->setToolTip(tr("Menu (F10)"));
    m_menuButton->setPopupMode(QToolButton::InstantPopup);
    m_menuButton->setFocusPolicy(Qt::TabFocus);
    m_brand->setTextFormat(Qt::RichText);
    m_brand->setAccessibleName(QStringLiteral("Gradloom"));
    m_file->setProperty("look", "dim");
    m_file->setObjectName("fileName");
    m_device->setObjectName("device");
    m_device->setMenu(m_deviceMenu);
    m_deviceMenu->setProperty("look", "devices"); // what cannot be chosen there is read all the same
    m_deviceMenu->setLayoutDirection(layoutDirection()); // not that of its button:
    m_device->setLayoutDirection(Qt::RightToLeft);       // the arrow stands behind the name
    m_device->setIconSize({12, 12});
    m_device->setToolTip(tr("Where the network is trained"));
    for (auto* button : {m_undo, m_redo})
        button->setFocusPolicy(Qt::TabFocus);

    m_left = rowOf({m_menuButton, m_brand, m_file, m_undo, m_redo}, this, 12);
    m_right = rowOf({m_device, m_run}, this, 12);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(10, 0, 14, 0);
    layout->addWidget(m_left);
    layout->addStretch(1);
    layout->addWidget(m_right);
    connect(&theme(), &Theme::changed, this, &TopBar::refreshColours);
    refreshColours();
}

void TopBar::refreshColours()
{
    m_brand->setText(
        QStringLiteral("<span style='font-size:15px; font-weight:700'>Grad<span style='color:%1'>loom"
                       "</span></span>")
            .arg(theme().color(Role::Accent).name()));
    m_menuButton->setIcon(themedIcon("menu", Role::TextDim));
    if (m_undo->defaultAction())
        m_undo->defaultAction()->setIcon(themedIcon("undo"));
    if (m_redo->defaultAction())
        m_redo->defaultAction()->setIcon(themedIcon("redo"));
    m_device->setIcon(themedIcon("chevron_down", Role::TextDim));
}

void TopBar::setMenu(QMenu* menu)
{
    m_menuButton->setMenu(menu);
}

void TopBar::openMenu()
{
    m_menuButton->showMenu();
}

void TopBar::setUndoActions(QAction* undo, QAction* redo)
{
    m_undo->setDefaultAction(undo);
    m_redo->setDefaultAction(redo);
    for (auto* button : {m_undo, m_redo})
        button->setToolButtonStyle(Qt::ToolButtonIconOnly);
    m_undo->setObjectName("undo");
    m_redo->setObjectName("redo");
    m_undo->setAccessibleName(tr("Undo"));
    m_redo->setAccessibleName(tr("Redo"));
    refreshColours();
}

void TopBar::setFileName(const QString& name, bool modified, const QString& tip)
{
    m_fileName = modified ? name + QStringLiteral(" •") : name;
    m_file->setText(m_file->fontMetrics().elidedText(m_fileName, Qt::ElideMiddle, 230));
    m_file->setToolTip(tip);
    m_file->setAccessibleName(modified ? tr("%1, changed").arg(name) : name);
    // Laid out at once: right after the window was shown a posted request can get lost and the name would be
    // cut.
    m_file->setFixedWidth(m_file->sizeHint().width());
    m_left->layout()->activate();
    layout()->activate();
    placePages();
}

void TopBar::setDevice(const QString& name)
{
    m_device->setText(name);
    m_device->setAccessibleName(tr("Device: %1").arg(name));
}

bool TopBar::event(QEvent* event)
{
    const bool handled = QFrame::event(event);
    if (event->type() == QEvent::LayoutRequest)
        placePages();
    return handled;
}

void TopBar::resizeEvent(QResizeEvent* event)
{
    QFrame::resizeEvent(event);
    placePages();
}

void TopBar::placePages()
{
    // In the middle of the window, unless what stands left or right of them needs the room.
    const QSize size = m_pages->sizeHint();
    const int leftEnd = 10 + m_left->sizeHint().width() + 16;
    const int rightEnd = width() - 14 - m_right->sizeHint().width() - 16;
    int x = (width() - size.width()) / 2;
    x = std::max(leftEnd, std::min(x, rightEnd - size.width()));
    m_pages->setGeometry(x, (barHeight - 1 - size.height()) / 2, size.width(), size.height());
}

} // namespace gradloom::widgets
