#pragma once

#include <QByteArray>
#include <QFont>
#include <QRawFont>

#include <array>

struct ImFont;
struct ImFontAtlas;

namespace gradloom::widgets {

/// The sizes and weights of text in live views.
enum class TextStyle { Small, Body, Strong, Caps };

/// Fonts of one ImGui context at one pixel ratio.
struct ImguiFonts
{
    static constexpr int count = 4;
    std::array<ImFont*, count> fonts{};
    std::array<float, count>
        sizes{}; ///< in device pixels; newer versions of ImGui do not keep it with the font
    float size(TextStyle style) const { return sizes[static_cast<size_t>(style)]; }
    ImFont* operator[](TextStyle style) const { return fonts[static_cast<size_t>(style)]; }
};

/// Height of a style in logical pixels.
float textHeight(TextStyle style);

/// A font as Qt resolved it, put together again as an OpenType file from its tables: so the live views show
/// the same face as the rest of the window without looking for files. Empty where the font cannot be taken
/// apart.
QByteArray fontFile(const QRawFont& font);

/// Fills the atlas with all styles; falls back to ImGui's own face.
ImguiFonts addFonts(ImFontAtlas& atlas, const QFont& base, double pixelRatio);

} // namespace gradloom::widgets
