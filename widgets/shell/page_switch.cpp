#include "widgets/shell/page_switch.h"

#include <QButtonGroup>
#include <QHBoxLayout>
#include <QToolButton>

namespace gradloom::widgets {

PageSwitch::PageSwitch(QWidget* parent)
    : QFrame(parent), m_group(new QButtonGroup(this)), m_layout(new QHBoxLayout(this))
{
    setProperty("look", "segments");
    setAccessibleName(tr("Pages"));
    m_layout->setContentsMargins(3, 3, 3, 3);
    m_layout->setSpacing(2);
    m_group->setExclusive(true);
    connect(m_group, &QButtonGroup::idClicked, this, [this](int page) {
        m_current = page;
        Q_EMIT pageChosen(page);
    });
}

void PageSwitch::addPage(int page, const QString& title, const QString& help)
{
    auto* button = new QToolButton;
    button->setText(title);
    button->setAccessibleName(title);
    button->setToolTip(help);
    button->setCheckable(true);
    button->setFocusPolicy(Qt::TabFocus);
    m_group->addButton(button, page);
    m_layout->addWidget(button);
}

void PageSwitch::setCurrent(int page)
{
    if (auto* button = m_group->button(page)) {
        button->setChecked(true);
        m_current = page;
    }
}

} // namespace gradloom::widgets
