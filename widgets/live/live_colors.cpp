#include "widgets/live/live_colors.h"

#include "widgets/theme/theme.h"

namespace gradloom::widgets {

LiveColors liveColors()
{
    const Theme& now = theme();
    LiveColors colors;
    colors.panel = now.color(Role::Panel);
    colors.card = now.color(Role::Raised);
    colors.border = now.color(Role::Border);
    colors.text = now.color(Role::Text);
    colors.muted = now.color(Role::TextDim);
    colors.track = mixed(colors.card, colors.muted, 0.18);
    colors.faint = mixed(colors.card, colors.muted, 0.16);
    colors.accent = now.color(Role::Accent);
    colors.good = now.color(Role::Success);
    colors.warning = now.color(Role::Warning);
    colors.error = now.color(Role::Error);
    colors.loss = colors.accent;
    colors.accuracy = colors.good;
    colors.validation = colors.warning;
    return colors;
}

QColor categoryColor(const std::string& category)
{
    return theme().category(category);
}

} // namespace gradloom::widgets
