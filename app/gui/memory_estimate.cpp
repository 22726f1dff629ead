#include "app/gui/memory_estimate.h"

#include "app/gui/document.h"

#include "engine/train/memory_need.h"

#include <QCoreApplication>
#include <QPointer>
#include <QThreadPool>

namespace gradloom::gui {

QString memoryText(int64_t bytes, int64_t batch)
{
    return MemoryEstimate::tr("≈ %1 to train at batch %2")
        .arg(QString::fromStdString(train::memoryText(bytes)))
        .arg(batch);
}

MemoryEstimate::MemoryEstimate(Document& document) : QObject(&document), m_document(document)
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(400);
    connect(&m_timer, &QTimer::timeout, this, &MemoryEstimate::compute);
    connect(&document, &Document::analysisChanged, this, &MemoryEstimate::restart);
    connect(&document, &Document::projectChanged, this, &MemoryEstimate::restart);
}

void MemoryEstimate::setDevice(const std::string& device)
{
    m_device = device;
    restart();
}

void MemoryEstimate::restart()
{
    ++m_serial;
    m_timer.start();
}

void MemoryEstimate::compute()
{
    if (!m_document.analysis().valid()) {
        Q_EMIT changed({});
        return;
    }
    QPointer<MemoryEstimate> self(this);
    QThreadPool::globalInstance()->start(
        [self, serial = m_serial, project = m_document.project(), device = m_device] {
            train::SessionOptions session;
            session.device = device;
            const auto need = train::memoryNeed(project, {}, session);
            const QString text = need ? memoryText(need->total(), project.training.batch) : QString();
            QMetaObject::invokeMethod(
                qApp,
                [self, serial, text] {
                    if (self && self->m_serial == serial)
                        Q_EMIT self->changed(text);
                },
                Qt::QueuedConnection);
        });
}

} // namespace gradloom::gui
