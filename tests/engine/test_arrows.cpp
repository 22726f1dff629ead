#include "tests/engine/test_util.h"

#include "source_dir.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

/// The include directions of the architecture. A new folder of the engine needs a line in `allowed`.
namespace gradloom {
namespace {

namespace fs = std::filesystem;

const fs::path source = GRADLOOM_SOURCE_DIR;

/// What each folder of the engine may include besides itself.
const std::map<std::string, std::set<std::string>>& allowed()
{
    static const std::map<std::string, std::set<std::string>> table{
        {"base", {}},
        {"tensor", {"base"}},
        {"ir", {"base", "tensor"}},
        {"layers", {"base", "tensor", "ir"}},
        {"graph", {"base", "tensor", "ir", "layers"}},
        {"data", {"base", "tensor"}},
        {"compile", {"base", "tensor", "ir", "layers", "graph"}},
        {"backend", {"base", "tensor", "ir", "compile"}},
        {"project", {"base", "tensor", "layers", "graph", "data"}},
        {"train", {"base", "tensor", "ir", "layers", "graph", "compile", "backend", "data", "project"}},
        {"explain",
            {"base", "tensor", "ir", "layers", "graph", "compile", "backend", "data", "project", "train"}},
        {"export", {"base", "tensor", "ir", "layers", "graph", "project", "train", "explain"}},
    };
    return table;
}

struct Include
{
    std::string file; ///< relative to the source folder, with '/'
    int line = 0;
    std::string path;
    bool quoted = false;
};

std::vector<Include> includesOf(const fs::path& file)
{
    static const std::regex pattern(R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re");
    std::vector<Include> includes;
    std::ifstream stream(file);
    std::string text;
    for (int line = 1; std::getline(stream, text); ++line)
        if (std::smatch match; std::regex_search(text, match, pattern))
            includes.push_back(
                {fs::relative(file, source).generic_string(), line, match[2], match[1] == "\""});
    return includes;
}

std::vector<Include> includesUnder(const char* folder)
{
    static const std::set<std::string> endings{".h", ".cpp", ".cu", ".cuh", ".inc"};
    std::vector<Include> includes;
    if (!fs::exists(source / folder))
        return includes;
    for (const auto& entry : fs::recursive_directory_iterator(source / folder))
        if (entry.is_regular_file() && endings.contains(entry.path().extension().string()))
            for (Include& include : includesOf(entry.path()))
                includes.push_back(std::move(include));
    return includes;
}

/// Part number `index` of a path: "engine/ir/ops/gemm.cpp" has "engine", "ir", "ops", "gemm.cpp".
std::string part(const std::string& path, int index)
{
    const fs::path whole(path);
    auto it = whole.begin();
    for (; index > 0 && it != whole.end(); --index)
        ++it;
    return it == whole.end() ? std::string() : it->string();
}

bool isWindowLibrary(const std::string& path)
{
    static const std::regex pattern(R"(^(Qt\w*/.*|Q[A-Z]\w*|imgui.*|.*/imgui.*)$)");
    return std::regex_match(path, pattern);
}

/// Why this include is forbidden; empty where it is not.
std::string faultOf(const Include& include)
{
    const std::string room = part(include.file, 0);
    if (room == "engine" && isWindowLibrary(include.path))
        return "the engine never knows Qt or ImGui";
    if (!include.quoted)
        return {};
    const std::string target = part(include.path, 0);
    if (include.path.find("..") != std::string::npos)
        return "paths begin at the top folder";
    if (room == "engine" && target != "engine")
        return target == "widgets" || target == "app" ? "arrows go from app to widgets to engine, never back"
                                                      : "";
    if (room == "widgets" && target == "app")
        return "arrows go from app to widgets to engine, never back";
    if (room != "engine")
        return {};
    const std::string from = part(include.file, 1);
    const std::string to = part(include.path, 1);
    if (from == to)
        return {};
    const auto entry = allowed().find(from);
    if (entry == allowed().end())
        return "engine/" + from + " is a new folder: say in this test what it may know";
    return entry->second.contains(to) ? "" : "engine/" + from + " may not know engine/" + to;
}

TEST(Arrows, EveryIncludeGoesInAnAllowedDirection)
{
    size_t count = 0;
    for (const char* folder : {"engine", "widgets", "app"})
        for (const Include& include : includesUnder(folder)) {
            ++count;
            const std::string fault = faultOf(include);
            EXPECT_TRUE(fault.empty()) << include.file << ":" << include.line << " includes " << include.path
                                       << ": " << fault << ".";
        }
    EXPECT_GT(count, 100u) << "the sources were not found";
}

TEST(Arrows, ForbiddenIncludesAreRecognised)
{
    auto fault = [](const char* file, const char* path, bool quoted = true) {
        return faultOf({file, 1, path, quoted});
    };
    EXPECT_NE(fault("engine/base/result.h", "engine/tensor/shape.h"), "");
    EXPECT_NE(fault("engine/data/idx.cpp", "engine/graph/graph.h"), "");
    EXPECT_NE(fault("engine/backend/cpu/cpu.cpp", "engine/train/model.h"), "");
    EXPECT_NE(fault("engine/ir/op.cpp", "widgets/canvas/node_item.h"), "");
    EXPECT_NE(fault("engine/ir/op.cpp", "QString", false), "");
    EXPECT_NE(fault("engine/ir/op.cpp", "QtCore/QString", false), "");
    EXPECT_NE(fault("engine/ir/op.cpp", "imgui.h", false), "");
    EXPECT_NE(fault("engine/ir/op.cpp", "../base/result.h"), "");
    EXPECT_NE(fault("engine/new/thing.cpp", "engine/base/result.h"), "");
    EXPECT_NE(fault("widgets/live/plot.cpp", "app/gui/main_window.h"), "");
    EXPECT_EQ(fault("engine/ir/ops/gemm.cpp", "engine/ir/op_type.h"), "");
    EXPECT_EQ(fault("engine/explain/x.cpp", "engine/train/model.h"), "");
    EXPECT_EQ(fault("engine/backend/cpu/x.cpp", "hwy/highway.h", false), "");
    EXPECT_EQ(fault("widgets/live/plot.cpp", "engine/train/train_session.h"), "");
    EXPECT_EQ(fault("app/gui/main.cpp", "widgets/theme/theme.h"), "");
}

} // namespace
} // namespace gradloom
