#include "widgets/canvas/problem_bubble.h"

#include "widgets/theme/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QStyle>
#include <QVBoxLayout>

namespace gradloom::widgets {

ProblemBubble::ProblemBubble(QWidget* parent) : QFrame(parent), m_text(new QLabel), m_actions(new QHBoxLayout)
{
    setObjectName("problemBubble");
    setProperty("look", "bubble");
    setCursor(Qt::ArrowCursor);
    setAutoFillBackground(false);
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::RichText);
    m_text->setFixedWidth(360);
    m_actions->setSpacing(7);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(13, 10, 13, 10);
    layout->setSpacing(5);
    layout->addWidget(m_text);
    layout->addLayout(m_actions);
    hide();
}

void ProblemBubble::setProblem(const graph::Problem& problem)
{
    m_problem = problem;
    const QString message = QString::fromStdString(problem.message);
    const QColor colour = theme().color(problem.warning ? Role::Warning : Role::Error);
    m_text->setText(QStringLiteral("<b style='color:%1'>⚠</b>&nbsp; %2").arg(colour.name(), message.toHtmlEscaped()));
    setAccessibleName(message);
    setProperty("error", !problem.warning);
    style()->unpolish(this);
    style()->polish(this);

    while (QLayoutItem* item = m_actions->takeAt(0)) {
        if (QWidget* old = item->widget()) {
            old->hide();
            old->deleteLater(); // it may be the button whose click brought us here
        }
        delete item;
    }
    for (const auto& proposal : problem.proposals) {
        auto* button = new QPushButton(QString::fromStdString(proposal.title));
        button->setObjectName("repair");
        button->setProperty("look", "link");
        button->setCursor(Qt::PointingHandCursor);
        connect(button, &QPushButton::clicked, this, [this, edit = proposal.edit] { Q_EMIT repairChosen(edit); });
        m_actions->addWidget(button);
        m_actions->addWidget(new QLabel(QStringLiteral("·")));
    }
    auto* dismiss = new QPushButton(tr("Dismiss"));
    dismiss->setProperty("look", "dimlink");
    dismiss->setCursor(Qt::PointingHandCursor);
    connect(dismiss, &QPushButton::clicked, this, &ProblemBubble::dismissed);
    m_actions->addWidget(dismiss);
    m_actions->addStretch(1);
    adjustSize();
}

} // namespace gradloom::widgets
