#pragma once

#include "engine/project/project.h"

#include <QDateTime>
#include <QLockFile>

#include <filesystem>
#include <memory>
#include <vector>

namespace gradloom::gui {

/// The side file of one running program: written after changes, removed when the project is saved or given
/// up. What is left without a living owner was left by a crash.
class Autosave
{
public:
    Autosave();
    ~Autosave();

    Status write(const project::Project& project, const std::filesystem::path& origin);
    void remove();

    /// A side file that a crash left.
    struct Leftover
    {
        std::filesystem::path file;
        std::filesystem::path origin; ///< the project it belongs to; empty for one that never was saved
        QDateTime time;
    };
    static std::vector<Leftover> leftovers();
    static void discard(const Leftover& leftover);
    /// Where side files are kept.
    static std::filesystem::path folder();

private:
    std::filesystem::path m_file;
    std::unique_ptr<QLockFile> m_lock;
};

} // namespace gradloom::gui
