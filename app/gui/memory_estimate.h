#pragma once

#include "engine/project/project.h"

#include <QObject>
#include <QTimer>

#include <optional>

namespace gradloom::gui {

class Document;

/// Bytes that one training step of a project takes: what lives during the step, weights and optimizer state.
/// Nothing for a drawing that cannot be trained. Any thread.
std::optional<int64_t> trainingMemory(const project::Project& project);

/// "≈ 38 MB to train at batch 128"
QString memoryText(int64_t bytes, int64_t batch);

/// Keeps the estimate of a document up to date, computed beside the window some time after the last change.
class MemoryEstimate : public QObject
{
    Q_OBJECT
public:
    explicit MemoryEstimate(Document& document);

Q_SIGNALS:
    /// Empty while nothing is known.
    void changed(const QString& text);

private:
    void compute();

    Document& m_document;
    QTimer m_timer;
    int m_serial = 0; ///< an answer to an older question is dropped
};

} // namespace gradloom::gui
