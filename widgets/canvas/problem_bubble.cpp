#include "widgets/canvas/problem_bubble.h"

#include "widgets/theme/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QStyle>
#include <QVBoxLayout>

#include <algorithm>

namespace gradloom::widgets {

ProblemBubble::ProblemBubble(QWidget* parent) : QFrame(parent), m_text(new QLabel), m_actions(new QHBoxLayout)
{
    setObjectName("problemBubble");
    setProperty("look", "bubble");
    setCursor(Qt::ArrowCursor);
    setAutoFillBackground(false);
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::RichText);
    m_actions->setSpacing(7);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(13, 10, 13, 10);
    layout->setSpacing(5);
    layout->setSizeConstraint(QLayout::SetFixedSize);
    layout->addWidget(m_text);
    layout->addLayout(m_actions);
    hide();
}

void ProblemBubble::setProblem(const graph::Problem& problem)
{
    m_problem = problem;
    const QString message = QString::fromStdString(problem.message);
    const QColor colour = theme().color(problem.warning ? Role::Warning : Role::Error);
    m_text->setText(
        QStringLiteral("<b style='color:%1'>⚠</b>&nbsp; %2").arg(colour.name(), message.toHtmlEscaped()));
    setAccessibleName(message);
    setProperty("error", !problem.warning);
    style()->unpolish(this);
    style()->polish(this);

    // A wrapped label tells its height only for a width, and the layout asks too late for a frame that is
    // placed now.
    const int width = std::min(360, m_text->fontMetrics().horizontalAdvance(message) + 34);
    m_text->setFixedSize(width, m_text->heightForWidth(width));
    rebuildActions();
    layout()->activate();
    adjustSize();
}

void ProblemBubble::rebuildActions()
{
    QStringList titles;
    for (const auto& proposal : m_problem.proposals)
        titles << QString::fromStdString(proposal.title);
    if (m_actions->count() > 0 && titles == m_titles)
        return; // a button under the pointer stays the same button
    m_titles = titles;
    while (QLayoutItem* item = m_actions->takeAt(0)) {
        if (QWidget* old = item->widget()) {
            old->hide();
            old->setObjectName({});
            old->deleteLater(); // it may be the button whose click brought us here
        }
        delete item;
    }
    // Shown at once: what is added to a visible frame otherwise has no size until the next turn of the event
    // loop.
    const auto add = [this](QWidget* widget) {
        m_actions->addWidget(widget);
        widget->show();
    };
    const auto link = [this](const QString& text, const char* name, const char* look) {
        auto* button = new QPushButton(text, this);
        button->setObjectName(name);
        button->setProperty("look", look);
        button->setCursor(Qt::PointingHandCursor);
        return button;
    };
    for (int i = 0; i < titles.size(); ++i) {
        auto* button = link(titles[i], "repair", "link");
        connect(button, &QPushButton::clicked, this, [this, i] {
            if (static_cast<size_t>(i) < m_problem.proposals.size())
                Q_EMIT repairChosen(graph::GraphEdit(m_problem.proposals[static_cast<size_t>(i)].edit));
        });
        add(button);
        add(new QLabel(QStringLiteral("·"), this));
    }
    auto* dismiss = link(tr("Dismiss"), "dismiss", "dimlink");
    connect(dismiss, &QPushButton::clicked, this, &ProblemBubble::dismissed);
    add(dismiss);
    m_actions->addStretch(1);
}

} // namespace gradloom::widgets
