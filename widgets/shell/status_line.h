#pragma once

#include "engine/graph/analysis.h"

#include <QFrame>

class QLabel;
class QPushButton;

namespace gradloom::widgets {

/// The line at the bottom: whether the model is valid, its size and cost, and at the right what happened
/// last.
class StatusLine : public QFrame
{
    Q_OBJECT
public:
    explicit StatusLine(QWidget* parent = nullptr);
    void setAnalysis(const graph::Graph& graph, const graph::Analysis& analysis);
    /// For example "≈ 38 MB to train at batch 128"; empty hides it.
    void setMemory(const QString& text);
    /// For example "Autosaved 12:04".
    void setMessage(const QString& text);

Q_SIGNALS:
    /// A click on the verdict: show me where.
    void problemClicked(const std::string& node);

private:
    QPushButton* m_verdict;
    QLabel* m_layers;
    QLabel* m_parameters;
    QLabel* m_flops;
    QLabel* m_memory;
    QLabel* m_message;
    std::string m_problemNode;
};

} // namespace gradloom::widgets
