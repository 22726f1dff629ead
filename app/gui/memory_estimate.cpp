#include "app/gui/memory_estimate.h"

#include "app/gui/document.h"

#include "engine/compile/plan.h"
#include "engine/train/methods.h"
#include "engine/train/step_program.h"

#include <QCoreApplication>
#include <QLocale>
#include <QPointer>
#include <QThreadPool>

namespace gradloom::gui {

std::optional<int64_t> trainingMemory(const project::Project& project)
{
    const auto methods = train::chooseMethods(project.training);
    if (!methods)
        return std::nullopt;
    train::ProgramOptions options;
    options.batch = project.training.batch;
    options.training = true;
    auto program = train::trainingProgram(project.graph, options, {methods->rule()});
    if (!program)
        return std::nullopt;
    const int64_t kept = program->parameterElements + program->stateElements + program->slotElements;
    return compile::plan(std::move(*program)).arenaBytes + kept * sizeOf(DType::F32);
}

QString memoryText(int64_t bytes, int64_t batch)
{
    const QString size =
        QLocale().formattedDataSize(bytes, bytes < 10'000'000 ? 1 : 0, QLocale::DataSizeSIFormat);
    return MemoryEstimate::tr("≈ %1 to train at batch %2").arg(size).arg(batch);
}

MemoryEstimate::MemoryEstimate(Document& document) : QObject(&document), m_document(document)
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(400);
    connect(&m_timer, &QTimer::timeout, this, &MemoryEstimate::compute);
    const auto restart = [this] {
        ++m_serial;
        m_timer.start();
    };
    connect(&document, &Document::analysisChanged, this, restart);
    connect(&document, &Document::projectChanged, this, restart);
}

void MemoryEstimate::compute()
{
    if (!m_document.analysis().valid()) {
        Q_EMIT changed({});
        return;
    }
    QPointer<MemoryEstimate> self(this);
    QThreadPool::globalInstance()->start([self, serial = m_serial, project = m_document.project()] {
        const auto bytes = trainingMemory(project);
        const QString text = bytes ? memoryText(*bytes, project.training.batch) : QString();
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
