#pragma once

#include <QColor>

#include <string>

namespace gradloom::widgets {

/// The colours of the live views, taken from the theme in one place.
struct LiveColors
{
    QColor panel; ///< behind the cards
    QColor card;
    QColor border;
    QColor track; ///< the empty part of a bar
    QColor text;
    QColor muted;
    QColor faint; ///< grid lines
    QColor accent;
    QColor good;
    QColor warning;
    QColor error;
    QColor loss;
    QColor accuracy;
    QColor validation;
};

/// Of the theme now in use.
LiveColors liveColors();
/// Colour of a layer category of engine/layers: "convolution".
QColor categoryColor(const std::string& category);

} // namespace gradloom::widgets
