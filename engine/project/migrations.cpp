#include "engine/project/migrations.h"

#include "engine/project/project.h"

#include <array>
#include <limits>

namespace gradloom::project {

namespace {

/// Turns a document of one format into the next. Must take any JSON: what does not look as expected is left
/// as it is, the reader reports it.
using Migration = void (*)(nlohmann::json& document);

/// migrations[i] leads from format i + 1 to format i + 2. The size makes a forgotten entry a compile error
/// (std::array refuses too many) or a null function, which the test of the kept files meets.
constexpr std::array<Migration, static_cast<size_t>(currentFormat - 1)> migrations{};

} // namespace

void migrate(nlohmann::json& document, Faults& faults)
{
    const Item root(faults, &document, {});
    if (!document.is_object()) {
        root.report("the file must be an object but is " + shown(document));
        return;
    }
    const Item format = root["format"];
    if (!format.present()) {
        root.report("this is not a Gradloom project, it has no \"format\"");
        return;
    }
    const int64_t number = format.integer(1, std::numeric_limits<int64_t>::max(), 0);
    if (number > currentFormat)
        format.report("is " + std::to_string(number) + ", but this program reads formats up to " +
                      std::to_string(currentFormat) + "; update Gradloom to open this project");
    if (faults.any())
        return;
    for (auto step = static_cast<size_t>(number - 1); step < migrations.size(); ++step)
        migrations[step](document);
    document["format"] = currentFormat;
}

} // namespace gradloom::project
