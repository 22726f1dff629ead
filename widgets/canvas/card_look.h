#pragma once

#include "widgets/theme/theme.h"

#include <QFont>

/// What the cards of nodes and of folded blocks on the canvas have in common, in pixels at a scale of 1.
namespace gradloom::widgets {

inline constexpr double cardRadius = 9;
inline constexpr double cardTopEdge = 3; ///< height of the coloured edge
inline constexpr double cardHeight = 58; ///< without a picture and with one port a side
inline constexpr double cardTitleCentre = 19;
inline constexpr double cardDetailCentre = 41;
inline constexpr double cardFirstPort = 28;
inline constexpr double cardPortPitch = 20;
inline constexpr double cardFlattestStrip = 12;
inline constexpr double cardLargestPicture = 96;

/// Text that is zoomed must keep its proportions at every scale, which hinting would round away.
inline QFont cardFont(int size, QFont::Weight weight)
{
    QFont font = theme().font(size, weight);
    font.setHintingPreference(QFont::PreferNoHinting);
    return font;
}
inline QFont cardTitleFont()
{
    return cardFont(13, QFont::DemiBold);
}
inline QFont cardDetailFont()
{
    return cardFont(12, QFont::Normal);
}

} // namespace gradloom::widgets
