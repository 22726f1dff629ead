#pragma once

#include <QColor>
#include <QFont>
#include <QIcon>
#include <QMap>
#include <QObject>
#include <QStringList>

#include <string>

namespace gradloom::widgets {

/// What a colour is for. The values stand in resources/themes/*.json under the same names.
enum class Role {
    Background, ///< the canvas and the window behind the panels
    Grid,       ///< dots of the canvas
    Panel,      ///< side panels, bars, nodes
    Raised,     ///< fields, buttons, cards on a panel
    Hover,      ///< a raised thing under the pointer
    Border,
    Line, ///< connections, axes
    Text,
    TextDim,
    Accent,
    AccentText, ///< text on the accent colour
    Success,
    SuccessText, ///< text on the success colour
    Warning,
    Error,
    Shadow
};

/// The colours and fonts everything is drawn with; emits changed() when another theme was chosen. GUI thread
/// only.
class Theme : public QObject
{
    Q_OBJECT
public:
    QColor color(Role role) const;
    /// The colour of a layer category ("convolution"); the text's dim colour for one that is not known.
    QColor category(const std::string& id) const;
    bool isDark() const { return m_dark; }
    QString id() const { return m_id; }

    /// Inter where it is installed, the system's font otherwise. `size` in pixels.
    QFont font(int size = 13, QFont::Weight weight = QFont::Normal) const;
    /// For shapes and numbers in columns.
    QFont monospace(int size = 12, QFont::Weight weight = QFont::Medium) const;

Q_SIGNALS:
    void changed();

private:
    friend Theme& mutableTheme();
    friend void setTheme(const QString& id);
    Theme();
    bool load(const QString& id);

    QString m_id;
    bool m_dark = true;
    QMap<int, QColor> m_roles;
    QMap<QString, QColor> m_categories;
    QString m_family;
    QString m_monospace;
};

/// The current theme. Connect to its changed() to repaint what is cached.
const Theme& theme();

/// Chooses a theme by id ("dark", "light") and applies palette, fonts and style sheet to the application.
void setTheme(const QString& id);

/// Ids of the themes in resources/themes, with the title for menus.
QList<QPair<QString, QString>> availableThemes();

/// An icon of resources/icons in a colour of the theme. Ask again after Theme::changed().
QIcon themedIcon(const QString& name, Role role = Role::Text);
QPixmap themedPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio = 2);

/// A colour between two others: `share` of `b` in `a`.
QColor mixed(const QColor& a, const QColor& b, double share);

} // namespace gradloom::widgets
