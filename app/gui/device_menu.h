#pragma once

#include "engine/backend/backend.h"

#include <QObject>
#include <QString>

#include <optional>

class QAction;
class QActionGroup;
class QMenu;

namespace gradloom::gui {

/// The menu of the devices to compute on, and the choice, which is remembered. GPUs are looked for beside the
/// window, because that may load a driver, which takes a moment: when the menu is first opened, or at the
/// start where one was chosen the last time. Until then only the CPU is known.
class DeviceMenu : public QObject
{
    Q_OBJECT
public:
    /// Fills this menu, which owns it.
    explicit DeviceMenu(QMenu& menu);

    /// Id of the device to compute on, as in backend::devices(); "cpu" while a remembered GPU is looked for.
    const std::string& device() const { return m_device; }
    /// What to show of it.
    QString title() const { return m_title; }
    /// Whether a remembered GPU is looked for, so that device() may change in a moment. chosen() ends it.
    bool waiting() const { return m_remembered.has_value(); }
    /// Looks for GPUs, once.
    void look();

Q_SIGNALS:
    /// device() and title() say what is computed on from now on.
    void chosen();
    /// The remembered GPU cannot be used now, for people. It stays remembered. After chosen().
    void missing(const QString& sentence);

private:
    struct Remembered
    {
        std::string id;
        QString name;
    };

    void add(const backend::DeviceInfo& device);
    void choose(const std::string& id, const QString& name);
    void show(const std::vector<backend::DeviceInfo>& gpus);
    void restore(const std::vector<backend::DeviceInfo>& gpus);
    void use(const std::string& id, const QString& name);

    QMenu& m_menu;
    QActionGroup* m_group;
    QAction* m_looking; ///< the entry that stands for what is not known yet
    bool m_looked = false;
    backend::DeviceInfo m_cpu = backend::cpuDevice();
    std::string m_device = m_cpu.id;
    QString m_title;
    std::optional<Remembered> m_remembered;
};

} // namespace gradloom::gui
