#pragma once

#include "engine/graph/analysis.h"

#include <QFrame>

class QLabel;
class QHBoxLayout;

namespace gradloom::widgets {

/// Says at a node what is wrong and offers the repairs: "⚠ message  Insert Flatten · Dismiss".
class ProblemBubble : public QFrame
{
    Q_OBJECT
public:
    explicit ProblemBubble(QWidget* parent);
    void setProblem(const graph::Problem& problem);
    const graph::Problem& problem() const { return m_problem; }

Q_SIGNALS:
    void repairChosen(const graph::GraphEdit& edit);
    void dismissed();

private:
    void rebuildActions();

    graph::Problem m_problem;
    QStringList m_titles;
    QLabel* m_text;
    QHBoxLayout* m_actions;
};

} // namespace gradloom::widgets
