#include "widgets/live/imgui_fonts.h"

#include <QGlyphRun>
#include <QTextLayout>
#include <QtEndian>

#include <cstring>
#include <imgui.h>
#include <map>
#include <vector>

namespace gradloom::widgets {

namespace {

struct StyleSpec
{
    float height;
    QFont::Weight weight;
};

constexpr StyleSpec specs[ImguiFonts::count] = {
    {11.0f, QFont::Normal},
    {12.5f, QFont::Normal},
    {13.0f, QFont::DemiBold},
    {11.0f, QFont::DemiBold},
};

template <typename T>
void append(QByteArray& bytes, T value)
{
    const T big = qToBigEndian(value);
    bytes.append(reinterpret_cast<const char*>(&big), sizeof big);
}

/// Latin with accents, punctuation, arrows, mathematical signs and the small triangles.
constexpr ImWchar glyphs[] = {0x0020, 0x017f, 0x2010, 0x2027, 0x2030, 0x203a, 0x2070, 0x2089, 0x2190, 0x2193,
    0x2200, 0x2265, 0x25b2, 0x25c4, 0};

/// One family in one weight; kept because several views ask for the same.
const QByteArray& cachedFile(const QFont& base, QFont::Weight weight)
{
    static std::map<std::pair<QString, int>, QByteArray> files;
    const auto key = std::make_pair(base.family(), static_cast<int>(weight));
    const auto found = files.find(key);
    if (found != files.end())
        return found->second;
    QFont font = base;
    font.setWeight(weight);
    return files.emplace(key, fontFile(QRawFont::fromFont(font))).first->second;
}

/// Signs that not every typeface has; they come from the one that Qt would take instead.
constexpr ImWchar rareGlyphs[] = {0x2207, 0x2207, 0x2190, 0x2193, 0};

const QByteArray& rareFile(const QFont& base)
{
    static std::map<QString, QByteArray> files;
    const auto found = files.find(base.family());
    if (found != files.end())
        return found->second;
    QByteArray file;
    if (!QRawFont::fromFont(base).supportsCharacter(QChar(0x2207))) {
        QTextLayout layout(QString(QChar(0x2207)), base);
        layout.beginLayout();
        layout.createLine();
        layout.endLayout();
        const QList<QGlyphRun> runs = layout.glyphRuns();
        if (!runs.isEmpty() && runs.front().rawFont().supportsCharacter(QChar(0x2207)))
            file = fontFile(runs.front().rawFont());
    }
    return files.emplace(base.family(), file).first->second;
}

} // namespace

float textHeight(TextStyle style)
{
    return specs[static_cast<size_t>(style)].height;
}

QByteArray fontFile(const QRawFont& raw)
{
    static constexpr const char* names[] = {
        "CFF ", "OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"};
    std::vector<std::pair<const char*, QByteArray>> tables;
    bool outlines = false;
    for (const char* name : names) {
        QByteArray table = raw.isValid() ? raw.fontTable(name) : QByteArray();
        if (table.isEmpty())
            continue;
        outlines = outlines || !std::strcmp(name, "CFF ") || !std::strcmp(name, "glyf");
        tables.emplace_back(name, std::move(table));
    }
    if (!outlines || tables.size() < 5)
        return {};
    const bool cff = !std::strcmp(tables.front().first, "CFF ");
    QByteArray file;
    append<quint32>(file, cff ? 0x4f54544f : 0x00010000);
    append<quint16>(file, static_cast<quint16>(tables.size()));
    file.append(6, '\0'); // search hints, which nothing here reads
    quint32 offset = static_cast<quint32>(12 + 16 * tables.size());
    for (const auto& [name, table] : tables) {
        file.append(name, 4);
        append<quint32>(file, 0); // checksum, unread as well
        append<quint32>(file, offset);
        append<quint32>(file, static_cast<quint32>(table.size()));
        offset += static_cast<quint32>((table.size() + 3) & ~qsizetype{3});
    }
    for (const auto& [name, table] : tables) {
        file.append(table);
        file.append((4 - table.size() % 4) % 4, '\0');
    }
    return file;
}

ImguiFonts addFonts(ImFontAtlas& atlas, const QFont& base, double pixelRatio)
{
    ImguiFonts result;
    for (int i = 0; i < ImguiFonts::count; ++i) {
        // ImGui counts the line's height as size, typefaces the em: without this text is a fifth too small.
        const float size = static_cast<float>(specs[i].height * pixelRatio) * 1.21f;
        const QByteArray& file = cachedFile(base, specs[i].weight);
        ImFont* font = nullptr;
        if (!file.isEmpty()) {
            ImFontConfig config;
            config.FontDataOwnedByAtlas = false; // the cache lives as long as the program
            config.OversampleH = 2;
            config.OversampleV = 1;
            font = atlas.AddFontFromMemoryTTF(
                const_cast<char*>(file.constData()), static_cast<int>(file.size()), size, &config, glyphs);
        }
        if (!font) {
            ImFontConfig config;
            config.SizePixels = size;
            font = atlas.AddFontDefault(&config);
        }
        if (const QByteArray& rare = rareFile(base); !rare.isEmpty()) {
            ImFontConfig config;
            config.FontDataOwnedByAtlas = false;
            config.MergeMode = true;
            atlas.AddFontFromMemoryTTF(const_cast<char*>(rare.constData()), static_cast<int>(rare.size()),
                size, &config, rareGlyphs);
        }
        result.fonts[static_cast<size_t>(i)] = font;
        result.sizes[static_cast<size_t>(i)] = size;
    }
    return result;
}

} // namespace gradloom::widgets
