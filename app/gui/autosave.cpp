#include "app/gui/autosave.h"

#include "app/gui/document.h"

#include "engine/base/file.h"

#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <QUuid>

namespace gradloom::gui {

namespace {

constexpr const char* suffix = ".gradloom.json";

std::filesystem::path beside(const std::filesystem::path& file, const char* extension)
{
    return std::filesystem::path(file).concat(extension);
}

std::unique_ptr<QLockFile> lockOf(const std::filesystem::path& file)
{
    auto lock = std::make_unique<QLockFile>(toQString(beside(file, ".lock")));
    lock->setStaleLockTime(0); // only a living owner counts, however long it runs
    return lock;
}

} // namespace

std::filesystem::path Autosave::folder()
{
    return toPath(QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation)) / "autosave";
}

Autosave::Autosave()
    : m_file(folder() / (QUuid::createUuid().toString(QUuid::WithoutBraces).toStdString() + suffix))
{
}

Autosave::~Autosave()
{
    remove();
}

Status Autosave::write(const project::Project& project, const std::filesystem::path& origin)
{
    if (auto made = makeFolder(folder()); !made)
        return made;
    if (!m_lock) {
        m_lock = lockOf(m_file);
        m_lock->tryLock(0);
    }
    if (auto written = writeFileAtomically(beside(m_file, ".origin"), std::string_view(origin.string()));
        !written)
        return written;
    return project::saveProject(project, m_file);
}

void Autosave::remove()
{
    std::error_code ignored;
    std::filesystem::remove(m_file, ignored);
    std::filesystem::remove(beside(m_file, ".origin"), ignored);
    m_lock.reset();
}

std::vector<Autosave::Leftover> Autosave::leftovers()
{
    std::vector<Leftover> found;
    const QDir dir(toQString(folder()));
    for (const auto& info :
        dir.entryInfoList({QStringLiteral("*") + QLatin1String(suffix)}, QDir::Files, QDir::Time)) {
        const std::filesystem::path file = toPath(info.filePath());
        if (!lockOf(file)->tryLock(0))
            continue;
        const auto origin = readFile(beside(file, ".origin"), 1 << 16);
        found.push_back(
            {file, origin ? std::filesystem::path(*origin) : std::filesystem::path(), info.lastModified()});
    }
    return found;
}

void Autosave::discard(const Leftover& leftover)
{
    std::error_code ignored;
    for (const char* extension : {"", ".origin", ".lock"})
        std::filesystem::remove(beside(leftover.file, extension), ignored);
}

} // namespace gradloom::gui
