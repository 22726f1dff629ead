#include "widgets/live/live_text.h"
#include "widgets/live/live_view.h"
#include "widgets/theme/theme.h"

#include <QPlainTextEdit>
#include <QVBoxLayout>

namespace gradloom::widgets {

namespace {

/// What happened in the run, line by line, as text that can be selected and copied.
class LogView : public LiveView
{
public:
    explicit LogView(LiveContext& context) : m_context(context)
    {
        auto* layout = new QVBoxLayout(this);
        layout->setContentsMargins(8, 8, 8, 2);
        m_text = new QPlainTextEdit(this);
        m_text->setObjectName("runLog");
        m_text->setReadOnly(true);
        m_text->setFrameShape(QFrame::NoFrame);
        m_text->setMaximumBlockCount(20000);
        m_text->setAccessibleName(QObject::tr("Log of the run"));
        m_text->setPlaceholderText(
            QObject::tr("What happens in a run is written here: epochs, pauses, checkpoints, faults."));
        layout->addWidget(m_text);
        connect(&theme(), &Theme::changed, this, [this] { rewrite(); });
        rewrite();
    }

    void refresh() override
    {
        if (m_run != m_context.history.run() || m_context.log.size() < m_written)
            rewrite();
        for (; m_written < m_context.log.size(); ++m_written)
            append(m_context.log[m_written]);
    }

private:
    void rewrite()
    {
        m_run = m_context.history.run();
        m_written = 0;
        m_text->clear();
        m_text->setFont(theme().monospace(12, QFont::Normal));
        refresh();
    }

    void append(const LogLine& line)
    {
        const Role role = line.kind == LogLine::Kind::Bad    ? Role::Error
                          : line.kind == LogLine::Kind::Good ? Role::Success
                                                             : Role::Text;
        m_text->appendHtml(
            QStringLiteral("<span style='color:%1'>%2</span>&nbsp;&nbsp;<span style='color:%3'>%4</span>")
                .arg(theme().color(Role::TextDim).name(),
                    QString::fromStdString(durationText(line.seconds))
                        .rightJustified(7)
                        .replace(' ', "&nbsp;"),
                    theme().color(role).name(), line.text.toHtmlEscaped()));
    }

    LiveContext& m_context;
    QPlainTextEdit* m_text = nullptr;
    size_t m_written = 0;
    uint64_t m_run = 0;
};

} // namespace

LiveViewType run_log()
{
    LiveViewType type;
    type.id = "log";
    type.title = QT_TRANSLATE_NOOP("LiveView", "Log");
    type.order = 90;
    type.create = [](LiveContext& context) { return std::make_unique<LogView>(context); };
    return type;
}

} // namespace gradloom::widgets
