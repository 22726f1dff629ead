#pragma once

#include <QPalette>
#include <QString>

namespace gradloom::widgets {

class Theme;

/// Palette and style sheet of the application, both made from the theme's colours alone.
QPalette applicationPalette(const Theme& theme);
QString applicationStyleSheet(const Theme& theme);

} // namespace gradloom::widgets
