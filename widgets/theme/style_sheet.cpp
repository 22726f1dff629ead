#include "widgets/theme/style_sheet.h"

#include "widgets/theme/theme.h"

namespace gradloom::widgets {

QPalette applicationPalette(const Theme& theme)
{
    QPalette palette;
    const QColor text = theme.color(Role::Text);
    palette.setColor(QPalette::Window, theme.color(Role::Panel));
    palette.setColor(QPalette::Base, theme.color(Role::Raised));
    palette.setColor(QPalette::AlternateBase, theme.color(Role::Panel));
    palette.setColor(QPalette::Button, theme.color(Role::Raised));
    palette.setColor(QPalette::Mid, theme.color(Role::Border));
    palette.setColor(QPalette::Dark, theme.color(Role::Border));
    palette.setColor(QPalette::ToolTipBase, theme.color(Role::Raised));
    for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
        palette.setColor(role, text);
    palette.setColor(QPalette::PlaceholderText, theme.color(Role::TextDim));
    palette.setColor(QPalette::Highlight, theme.color(Role::Accent));
    palette.setColor(QPalette::HighlightedText, theme.color(Role::AccentText));
    palette.setColor(QPalette::Link, theme.color(Role::Accent));
    const QColor faint = mixed(theme.color(Role::Panel), theme.color(Role::TextDim), 0.6);
    for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, faint);
    return palette;
}

namespace {

// Roles are written as @role; properties such as `look` choose a variant of a widget.
const char* const sheet = R"(
QMainWindow, QDialog { background: @background; }
QWidget[look="panel"] { background: @panel; }
QWidget[look="page"] { background: @background; }
QFrame[look="card"] { background: @raised; border: 1px solid @border; border-radius: 10px; }
QFrame[look="rule"] { background: @border; border: none; }
QFrame[look="popup"] { background: @panel; border: 1px solid @border; }
QFrame[look="bubble"] { background: @raised; border: 1px solid @warning; border-radius: 9px; }
QFrame[look="bubble"][error="true"] { border-color: @error; }
QLabel[look="hint"] { background: @raised; border: 1px solid @error; border-radius: 7px; padding: 6px 10px; }
QFrame[look="bar"] { background: @panel; border: none; border-bottom: 1px solid @border; }
QFrame[look="status"] { background: @panel; border: none; border-top: 1px solid @border; }
QFrame[look="left"] { background: @panel; border: none; border-right: 1px solid @border; }
QFrame[look="right"] { background: @panel; border: none; border-left: 1px solid @border; }

QLabel { background: transparent; }
QLabel[look="dim"] { color: @textDim; }
QLabel[look="heading"] { color: @textDim; font-weight: 600; font-size: 12px; }
QLabel[look="section"] { color: @textDim; font-weight: 600; font-size: 12px; letter-spacing: 0.4px; }
QLabel[look="title"] { font-weight: 600; font-size: 15px; }
QLabel[look="value"] { background: @raised; border: 1px solid @border; border-radius: 6px; padding: 0 9px;
    font-weight: 600; }
QLabel[look="success"] { color: @success; }
QLabel[look="error"] { color: @error; }
QLabel[look="warning"] { color: @warning; }

QPushButton, QToolButton { background: @raised; border: 1px solid @border; border-radius: 7px; padding: 0 11px;
    min-height: 27px; font-weight: 600; }
QPushButton:hover, QToolButton:hover { background: @hover; }
QPushButton:pressed, QToolButton:pressed { background: @border; }
QPushButton:focus, QToolButton:focus { border-color: @accent; }
QPushButton:disabled, QToolButton:disabled { color: @faint; }
QPushButton:checked, QToolButton:checked { background: @accent; border-color: @accent; color: @accentText; }
QPushButton[look="primary"] { background: @success; border-color: @success; color: @successText; padding: 0 13px; }
QPushButton[look="primary"]:hover { background: @successHover; }
QPushButton[look="primary"]:focus { border-color: @text; }
QPushButton[look="primary"]:disabled { background: @raised; border-color: @border; color: @faint; }
QPushButton[look="accent"] { background: @accent; border-color: @accent; color: @accentText; }
QPushButton[look="link"], QToolButton[look="link"] { background: transparent; border: none; color: @accent;
    padding: 0; min-height: 18px; font-weight: 500; }
QPushButton[look="link"]:hover, QPushButton[look="link"]:focus { text-decoration: underline; }
QPushButton[look="dimlink"] { background: transparent; border: none; color: @textDim; padding: 0; min-height: 18px;
    font-weight: 400; }
QPushButton[look="dimlink"]:hover, QPushButton[look="dimlink"]:focus { text-decoration: underline; }
QPushButton[look="verdict"] { background: transparent; border: none; padding: 0; min-height: 20px; font-weight: 400;
    color: @error; }
QPushButton[look="verdict"][valid="true"] { color: @success; }
QPushButton[look="verdict"]:focus { text-decoration: underline; }
QToolButton[look="flat"] { background: transparent; border-color: transparent; padding: 0 5px; }
QToolButton[look="flat"]:hover, QToolButton[look="flat"]:focus { background: @raised; }
QToolButton::menu-indicator, QPushButton::menu-indicator { image: none; width: 0; }

QFrame[look="segments"] { background: @raised; border: none; border-radius: 9px; }
QFrame[look="segments"] QToolButton { background: transparent; border: none; border-radius: 7px; color: @textDim;
    padding: 0 17px; min-height: 27px; }
QFrame[look="segments"] QToolButton:hover { color: @text; }
QFrame[look="segments"] QToolButton:focus { color: @text; background: @hover; }
QFrame[look="segments"] QToolButton:checked { background: @accent; color: @accentText; }

QScrollArea, QAbstractScrollArea { background: transparent; border: none; }
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox { background: @raised; border: 1px solid @border;
    border-radius: 7px; padding: 0 9px; min-height: 28px; selection-background-color: @accent;
    selection-color: @accentText; }
QPlainTextEdit, QTextEdit { padding: 6px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus { border-color: @accent; }
QLineEdit[look="field"] { border-radius: 6px; min-height: 26px; max-height: 26px; font-weight: 600; }
QLineEdit[look="field"][invalid="true"] { border-color: @error; color: @error; }
QLineEdit[look="title"] { background: transparent; border: 1px solid transparent; color: @textDim; font-size: 15px;
    padding: 0 3px; min-height: 24px; }
QLineEdit[look="title"]:hover { border-color: @border; }
QLineEdit[look="title"]:focus { border-color: @accent; background: @raised; color: @text; }
QLineEdit[look="title"][invalid="true"] { border-color: @error; color: @error; }
QLineEdit[look="inplace"], QSpinBox[look="inplace"] { border: 1px solid @accent; border-radius: 6px; padding: 0 5px;
    min-height: 24px; max-height: 24px; font-weight: 600; }
QLineEdit[look="search"] { padding: 0 3px; }
QLineEdit > QToolButton { background: transparent; border: none; padding: 0; min-height: 0; }
QComboBox { background: @raised; border: 1px solid @border; border-radius: 6px; padding: 0 9px; min-height: 26px;
    max-height: 26px; font-weight: 600; }
QComboBox:hover { background: @hover; }
QComboBox:focus { border-color: @accent; }
QComboBox::drop-down { border: none; width: 0; }
QComboBox QAbstractItemView { background: @panel; border: 1px solid @border; outline: none; padding: 4px;
    selection-background-color: @accent; selection-color: @accentText; }
QComboBox QAbstractItemView::item { min-height: 24px; padding: 0 6px; border-radius: 5px; }

QTabBar { background: @panel; border: none; font-weight: 600; }
QTabBar::tab { background: transparent; color: @textDim; padding: 8px 14px 7px 14px; border: none;
    border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }
QTabBar::tab:focus { color: @accent; }
QTabWidget::pane { border: none; border-top: 1px solid @border; }

QMenu { background: @panel; border: 1px solid @border; padding: 5px; }
QMenu::item { padding: 5px 26px 5px 12px; border-radius: 5px; }
QMenu::item:selected { background: @accent; color: @accentText; }
QMenu::item:disabled { color: @faint; background: transparent; }
QMenu[look="devices"]::item:disabled { color: @textDim; }
QMenu::separator { height: 1px; background: @border; margin: 5px 8px; }
QMenu::icon { padding-left: 8px; }
QLabel[look="menunote"] { color: @textDim; font-size: 12px; }
QToolTip { background: @raised; color: @text; border: 1px solid @border; padding: 5px 7px; }

QScrollBar:vertical { background: transparent; width: 8px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 8px; margin: 0; }
QScrollBar::handle { background: @border; border-radius: 2px; margin: 2px; min-height: 28px; min-width: 28px; }
QScrollBar::handle:hover { background: @line; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none;
    border: none; width: 0; height: 0; }
QListView, QTreeView, QTableView { background: transparent; border: none; outline: none; }
QHeaderView::section { background: @panel; color: @textDim; border: none; border-bottom: 1px solid @border;
    padding: 4px 8px; }
QSplitter::handle { background: transparent; }
QProgressBar { background: @border; border: none; border-radius: 4px; min-height: 8px; max-height: 8px; }
QProgressBar::chunk { background: @success; border-radius: 4px; }
QSlider::groove:horizontal { background: @border; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; height: 4px; border-radius: 2px; }
QSlider::handle:horizontal { background: @accent; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; }
QSlider::handle:horizontal:focus { border: 2px solid @text; }
)";

} // namespace

QString applicationStyleSheet(const Theme& theme)
{
    const QColor panel = theme.color(Role::Panel);
    // Longer names first: @accentText must not be read as @accent.
    const std::pair<const char*, QColor> names[] = {{"@successText", theme.color(Role::SuccessText)},
        {"@successHover", mixed(theme.color(Role::Success), theme.color(Role::Text), 0.15)},
        {"@accentText", theme.color(Role::AccentText)}, {"@textDim", theme.color(Role::TextDim)},
        {"@faint", mixed(panel, theme.color(Role::TextDim), 0.6)},
        {"@background", theme.color(Role::Background)}, {"@panel", panel},
        {"@raised", theme.color(Role::Raised)}, {"@hover", theme.color(Role::Hover)},
        {"@border", theme.color(Role::Border)}, {"@line", theme.color(Role::Line)},
        {"@success", theme.color(Role::Success)}, {"@warning", theme.color(Role::Warning)},
        {"@error", theme.color(Role::Error)}, {"@accent", theme.color(Role::Accent)},
        {"@text", theme.color(Role::Text)}};
    QString text = QString::fromLatin1(sheet);
    for (const auto& [name, color] : names)
        text.replace(QLatin1String(name), color.name());
    return text;
}

} // namespace gradloom::widgets
