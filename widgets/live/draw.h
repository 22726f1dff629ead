#pragma once

#include "widgets/live/imgui_fonts.h"
#include "widgets/live/live_colors.h"

#include <QPointF>
#include <QRectF>

#include <span>
#include <string>
#include <string_view>
#include <vector>

struct ImDrawList;

namespace gradloom::widgets {

struct GlTexture;

enum class Align { Left, Centre, Right };

/// Paints into an ImDrawList in logical pixels; the pixel ratio is applied here and nowhere else, and
/// hairlines are put onto device pixels.
class Draw
{
public:
    Draw(ImDrawList& list, const ImguiFonts& fonts, double pixelRatio)
        : m_list(list), m_fonts(fonts), m_ratio(static_cast<float>(pixelRatio))
    {
    }

    void fill(const QRectF& rect, const QColor& color, double radius = 0);
    void frame(const QRectF& rect, const QColor& color, double radius = 0, double width = 1);
    /// A panel with rounded corners and a border.
    void card(const QRectF& rect, const LiveColors& colors);
    /// Hairlines one device pixel wide or more.
    void horizontal(double x0, double x1, double y, const QColor& color);
    void vertical(double x, double y0, double y1, const QColor& color);
    void dottedVertical(double x, double y0, double y1, const QColor& color);
    void line(QPointF from, QPointF to, const QColor& color, double width = 1);
    /// From point to point as separate strokes: joints of very acute angles come out whole, which a mitred
    /// line thins out, and the call is the same in all versions of ImGui.
    void polyline(std::span<const QPointF> points, const QColor& color, double width);
    /// A pale area, one stroke a column of pixels from `top` to `bottom`, without overlap.
    void band(std::span<const QPointF> tops, std::span<const QPointF> bottoms, const QColor& color);
    void dot(QPointF centre, double radius, const QColor& color);
    void picture(const GlTexture& texture, const QRectF& target, const QRectF& source);

    /// `position` is the left, middle or right end of the line's upper edge.
    void text(QPointF position, TextStyle style, const QColor& color, std::string_view text,
        Align align = Align::Left);
    double textWidth(TextStyle style, std::string_view text) const;
    /// `text` cut with an ellipsis where it is wider than `width`.
    std::string fitted(TextStyle style, std::string_view text, double width) const;

    void pushClip(const QRectF& rect);
    void popClip();

private:
    ImDrawList& m_list;
    const ImguiFonts& m_fonts;
    float m_ratio;
};

} // namespace gradloom::widgets
