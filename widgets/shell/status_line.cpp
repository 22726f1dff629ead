#include "widgets/shell/status_line.h"

#include "widgets/model/graph_text.h"
#include "widgets/theme/elided_label.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QStyle>

#include <algorithm>

namespace gradloom::widgets {

StatusLine::StatusLine(QWidget* parent) : QFrame(parent), m_verdict(new QPushButton)
{
    setProperty("look", "status");
    setFixedHeight(28);
    m_verdict->setObjectName("verdict");
    m_verdict->setFlat(true);
    m_verdict->setProperty("look", "verdict");
    m_verdict->setFocusPolicy(Qt::TabFocus);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(14, 0, 14, 0);
    layout->setSpacing(20);
    layout->addWidget(m_verdict);
    for (QLabel** label : {&m_layers, &m_parameters, &m_flops, &m_memory, &m_message}) {
        const bool message = label == &m_message; // may be a long one
        *label = message ? new ElidedLabel : new QLabel;
        (*label)->setProperty("look", "dim");
        if (message)
            layout->addStretch(1);
        layout->addWidget(*label);
    }
    m_memory->setObjectName("memory");
    m_memory->hide();
    m_message->setObjectName("message");
    connect(m_verdict, &QPushButton::clicked, this, [this] {
        if (!m_problemNode.empty())
            Q_EMIT problemClicked(m_problemNode);
    });
}

void StatusLine::setAnalysis(const graph::Graph& graph, const graph::Analysis& analysis)
{
    const bool valid = analysis.valid();
    const auto first = std::find_if(analysis.problems.begin(), analysis.problems.end(),
        [](const auto& problem) { return !problem.warning; });
    m_problemNode.clear();
    QString text = tr("✓ model is valid");
    QString tip;
    if (!valid && first != analysis.problems.end()) {
        m_problemNode = first->node;
        if (const graph::Group* group = graph.findGroup(first->group); group && !group->nodes.empty())
            m_problemNode = group->nodes.front();
        tip = QString::fromStdString(first->message);
        const auto count = std::count_if(analysis.problems.begin(), analysis.problems.end(),
            [](const auto& problem) { return !problem.warning; });
        const QString shown = fontMetrics().elidedText(tip, Qt::ElideRight, 620);
        text = QStringLiteral("⚠ ") + shown;
        if (count > 1)
            text += tr("  (and %1 more)").arg(count - 1);
    }
    m_verdict->setText(text);
    m_verdict->setToolTip(tip);
    m_verdict->setAccessibleName(tip.isEmpty() ? text : tip);
    m_verdict->setProperty("valid", valid);
    m_verdict->style()->unpolish(m_verdict);
    m_verdict->style()->polish(m_verdict);

    const auto layers = static_cast<int>(analysis.expanded.nodes.size());
    m_layers->setText(layers == 1 ? tr("1 layer") : tr("%1 layers").arg(layers));
    m_parameters->setText(tr("%1 parameters").arg(fullCount(analysis.parameters)));
    m_flops->setText(tr("%1 MFLOP / sample").arg(megaFlops(analysis.flops)));
    m_flops->setVisible(valid);
}

void StatusLine::setMemory(const QString& text)
{
    m_memory->setText(text);
    m_memory->setVisible(!text.isEmpty());
}

void StatusLine::setMessage(const QString& text)
{
    m_message->setText(text);
    m_message->setToolTip(text);
}

} // namespace gradloom::widgets
