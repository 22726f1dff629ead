#include "app/gui/device_menu.h"

#include "engine/train/memory_need.h"

#include <QActionGroup>
#include <QCoreApplication>
#include <QLabel>
#include <QMenu>
#include <QPointer>
#include <QRegularExpression>
#include <QSettings>
#include <QThreadPool>
#include <QWidgetAction>

#include <algorithm>
#include <utility>

namespace gradloom::gui {

namespace {

constexpr int noteWidth = 340;
constexpr QMargins noteMargins(26, 0, 12, 6); ///< the sentence begins below the entry's text

QString titleOf(const backend::DeviceInfo& device)
{
    return QString::fromStdString(device.name);
}

/// A sentence below an entry, wrapped; it cannot be chosen.
QAction* noteOf(const QString& sentence, QMenu& menu)
{
    auto* label = new QLabel;
    label->setProperty("look", "menunote");
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    // Paths are longer than a line: they may be broken behind a slash, names at length.
    static const QRegularExpression unbroken(QStringLiteral("(/|[^\\s/]{32})"));
    label->setText(QString(sentence).replace(unbroken, QStringLiteral("\\1\u200b")));
    label->setAccessibleName(sentence);
    label->setContentsMargins(noteMargins);
    label->ensurePolished(); // its height depends on the theme's font
    label->setFixedSize(noteWidth, label->heightForWidth(noteWidth));
    auto* note = new QWidgetAction(&menu);
    note->setDefaultWidget(label);
    note->setEnabled(false);
    note->setText(sentence);
    return note;
}

} // namespace

DeviceMenu::DeviceMenu(QMenu& menu)
    : QObject(&menu), m_menu(menu), m_group(new QActionGroup(this)), m_title(titleOf(m_cpu))
{
    const QSettings settings;
    if (const QString id = settings.value("device", "cpu").toString(); id.toStdString() != m_cpu.id) {
        m_remembered = {id.toStdString(), settings.value("device_name", id).toString()};
        m_title = tr("Looking for GPUs…");
    }
    add(m_cpu);
    m_looking = m_menu.addAction(tr("Looking for GPUs…"));
    m_looking->setEnabled(false);
    connect(&m_menu, &QMenu::aboutToShow, this, &DeviceMenu::look);
}

void DeviceMenu::look()
{
    if (std::exchange(m_looked, true))
        return;
    QPointer<DeviceMenu> self(this); // the window may be gone when the driver is loaded
    QThreadPool::globalInstance()->start([self] {
        std::vector<backend::DeviceInfo> gpus = backend::devices();
        gpus.erase(gpus.begin());
        QMetaObject::invokeMethod(
            qApp,
            [self, gpus] {
                if (self)
                    self->show(gpus);
            },
            Qt::QueuedConnection);
    });
}

void DeviceMenu::show(const std::vector<backend::DeviceInfo>& gpus)
{
    const QRect before = m_menu.geometry();
    delete std::exchange(m_looking, nullptr);
    for (const auto& gpu : gpus)
        add(gpu);
    if (m_menu.isVisible()) // it hangs at its right edge and may have grown
        m_menu.move(before.right() + 1 - m_menu.width(), before.top());
    if (m_remembered)
        restore(gpus);
}

void DeviceMenu::add(const backend::DeviceInfo& device)
{
    const QString name = titleOf(device);
    QAction* action = m_menu.addAction(
        device.memoryBytes > 0
            ? tr("%1 · %2").arg(name, QString::fromStdString(train::memoryText(device.memoryBytes)))
            : name);
    action->setCheckable(true);
    action->setActionGroup(m_group);
    action->setEnabled(device.usable);
    action->setData(QString::fromStdString(device.id));
    action->setChecked(!waiting() && device.id == m_device);
    connect(action, &QAction::triggered, this, [this, id = device.id, name] { choose(id, name); });
    if (!device.usable)
        m_menu.addAction(noteOf(QString::fromStdString(device.problem), m_menu));
}

void DeviceMenu::restore(const std::vector<backend::DeviceInfo>& gpus)
{
    const Remembered wanted = *m_remembered;
    const auto found = std::find_if(gpus.begin(), gpus.end(),
        [&](const backend::DeviceInfo& gpu) { return gpu.usable && gpu.id == wanted.id; });
    const backend::DeviceInfo& device = found != gpus.end() ? *found : m_cpu;
    use(device.id, titleOf(device));
    if (found == gpus.end())
        Q_EMIT missing(tr("%1 cannot be used now, so the CPU is; see the device menu.").arg(wanted.name));
}

void DeviceMenu::choose(const std::string& id, const QString& name)
{
    QSettings settings;
    settings.setValue("device", QString::fromStdString(id));
    settings.setValue("device_name", name);
    use(id, name);
}

void DeviceMenu::use(const std::string& id, const QString& name)
{
    m_remembered.reset();
    m_device = id;
    m_title = name;
    for (QAction* action : m_group->actions())
        action->setChecked(action->data().toString().toStdString() == id);
    Q_EMIT chosen();
}

} // namespace gradloom::gui
