#pragma once

#include <QObject>
#include <QTimer>

#include <string>

namespace gradloom::gui {

class Document;

/// "≈ 38 MB to train at batch 128"
QString memoryText(int64_t bytes, int64_t batch);

/// Keeps the estimate of a document up to date, computed beside the window some time after the last change.
class MemoryEstimate : public QObject
{
    Q_OBJECT
public:
    explicit MemoryEstimate(Document& document);

    /// Asked for this device ("cpu", "cuda:0").
    void setDevice(const std::string& device);

Q_SIGNALS:
    /// Empty while nothing is known.
    void changed(const QString& text);

private:
    /// The last answer is no longer true.
    void restart();
    void compute();

    Document& m_document;
    std::string m_device = "cpu";
    QTimer m_timer;
    int m_serial = 0; ///< an answer to an older question is dropped
};

} // namespace gradloom::gui
