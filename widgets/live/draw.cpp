#include "widgets/live/draw.h"

#include "widgets/live/gl_renderer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <imgui.h>

namespace gradloom::widgets {

namespace {

ImU32 packed(const QColor& color)
{
    return IM_COL32(color.red(), color.green(), color.blue(), color.alpha());
}

ImVec2 scaled(QPointF point, float ratio)
{
    return {static_cast<float>(point.x()) * ratio, static_cast<float>(point.y()) * ratio};
}

} // namespace

void Draw::fill(const QRectF& rect, const QColor& color, double radius)
{
    m_list.AddRectFilled(scaled(rect.topLeft(), m_ratio), scaled(rect.bottomRight(), m_ratio), packed(color),
        static_cast<float>(radius) * m_ratio);
}

void Draw::frame(const QRectF& rect, const QColor& color, double radius, double width)
{
    const ImVec2 from = scaled(rect.topLeft(), m_ratio), to = scaled(rect.bottomRight(), m_ratio);
    // One line of device pixels inside the other: versions of ImGui differ in where they take the thickness.
    const int lines = std::max(1, static_cast<int>(std::lround(width * m_ratio)));
    for (int i = 0; i < lines; ++i) {
        const float inset = static_cast<float>(i);
        m_list.AddRect({from.x + inset, from.y + inset}, {to.x - inset, to.y - inset}, packed(color),
            std::max(0.0f, static_cast<float>(radius) * m_ratio - inset));
    }
}

void Draw::card(const QRectF& rect, const LiveColors& colors)
{
    fill(rect, colors.card, 8);
    frame(rect, colors.border, 8);
}

void Draw::horizontal(double x0, double x1, double y, const QColor& color)
{
    const float top = std::floor(static_cast<float>(y) * m_ratio);
    const float width = std::max(1.0f, std::floor(m_ratio));
    m_list.AddRectFilled({static_cast<float>(x0) * m_ratio, top},
        {static_cast<float>(x1) * m_ratio, top + width}, packed(color));
}

void Draw::vertical(double x, double y0, double y1, const QColor& color)
{
    const float left = std::floor(static_cast<float>(x) * m_ratio);
    const float width = std::max(1.0f, std::floor(m_ratio));
    m_list.AddRectFilled({left, static_cast<float>(y0) * m_ratio},
        {left + width, static_cast<float>(y1) * m_ratio}, packed(color));
}

void Draw::dottedVertical(double x, double y0, double y1, const QColor& color)
{
    for (double y = y0; y < y1; y += 4.0)
        vertical(x, y, std::min(y + 2.0, y1), color);
}

void Draw::line(QPointF from, QPointF to, const QColor& color, double width)
{
    m_list.AddLine(
        scaled(from, m_ratio), scaled(to, m_ratio), packed(color), static_cast<float>(width) * m_ratio);
}

void Draw::polyline(std::span<const QPointF> points, const QColor& color, double width)
{
    for (size_t i = 1; i < points.size(); ++i)
        line(points[i - 1], points[i], color, width);
}

void Draw::band(std::span<const QPointF> tops, std::span<const QPointF> bottoms, const QColor& color)
{
    const ImU32 tint = packed(color);
    float left = tops.empty() ? 0 : scaled(tops.front(), m_ratio).x;
    for (size_t i = 0; i < tops.size(); ++i) {
        const ImVec2 top = scaled(tops[i], m_ratio);
        const float right = i + 1 < tops.size() ? scaled(tops[i + 1], m_ratio).x : top.x + m_ratio;
        const float bottom = scaled(bottoms[i], m_ratio).y;
        m_list.AddRectFilled({left, top.y}, {right, std::max(bottom, top.y + m_ratio)}, tint);
        left = right;
    }
}

void Draw::dot(QPointF centre, double radius, const QColor& color)
{
    m_list.AddCircleFilled(scaled(centre, m_ratio), static_cast<float>(radius) * m_ratio, packed(color), 20);
}

void Draw::picture(const GlTexture& texture, const QRectF& target, const QRectF& source)
{
    if (!texture.id)
        return;
    const float width = static_cast<float>(texture.size.width());
    const float height = static_cast<float>(texture.size.height());
    // The handle's type is a pointer in old versions of ImGui and an integer in new ones.
    m_list.AddImage((ImTextureID)(intptr_t)texture.id, scaled(target.topLeft(), m_ratio),
        scaled(target.bottomRight(), m_ratio),
        {static_cast<float>(source.left()) / width, static_cast<float>(source.top()) / height},
        {static_cast<float>(source.right()) / width, static_cast<float>(source.bottom()) / height});
}

void Draw::text(QPointF position, TextStyle style, const QColor& color, std::string_view text, Align align)
{
    const double width = align == Align::Left ? 0 : textWidth(style, text);
    const double x =
        align == Align::Right ? position.x() - width : position.x() - width / 2 * (align == Align::Centre);
    ImFont* font = m_fonts[style];
    // Whole device pixels keep the stems of letters sharp.
    const ImVec2 at{
        std::round(static_cast<float>(x) * m_ratio), std::round(static_cast<float>(position.y()) * m_ratio)};
    m_list.AddText(font, m_fonts.size(style), at, packed(color), text.data(), text.data() + text.size());
}

double Draw::textWidth(TextStyle style, std::string_view text) const
{
    ImFont* font = m_fonts[style];
    return font->CalcTextSizeA(m_fonts.size(style), 1e9f, 0, text.data(), text.data() + text.size()).x /
           m_ratio;
}

std::string Draw::fitted(TextStyle style, std::string_view text, double width) const
{
    if (textWidth(style, text) <= width)
        return std::string(text);
    std::string cut(text);
    while (!cut.empty() && textWidth(style, cut + "…") > width) {
        while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80)
            cut.pop_back();
        if (!cut.empty())
            cut.pop_back();
    }
    return cut + "…";
}

void Draw::pushClip(const QRectF& rect)
{
    m_list.PushClipRect(scaled(rect.topLeft(), m_ratio), scaled(rect.bottomRight(), m_ratio), true);
}

void Draw::popClip()
{
    m_list.PopClipRect();
}

} // namespace gradloom::widgets
