#include "widgets/theme/theme.h"

#include "widgets/theme/style_sheet.h"

#include <QApplication>
#include <QDir>
#include <QFile>
#include <QFontDatabase>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMetaEnum>
#include <QPainter>
#include <QStyleFactory>
#include <QSvgRenderer>

// Resources in a static library are only found after this; it has to stand outside of any namespace.
static void initResources()
{
    Q_INIT_RESOURCE(resources);
}

namespace gradloom::widgets {

namespace {

constexpr std::pair<const char*, Role> roleNames[] = {{"background", Role::Background}, {"grid", Role::Grid},
    {"panel", Role::Panel}, {"raised", Role::Raised}, {"hover", Role::Hover}, {"border", Role::Border},
    {"line", Role::Line}, {"text", Role::Text}, {"textDim", Role::TextDim}, {"accent", Role::Accent},
    {"accentText", Role::AccentText}, {"success", Role::Success}, {"successText", Role::SuccessText},
    {"warning", Role::Warning}, {"error", Role::Error}, {"shadow", Role::Shadow}};

QJsonObject readTheme(const QString& id)
{
    QFile file(QStringLiteral(":/gradloom/themes/%1.json").arg(id));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return QJsonDocument::fromJson(file.readAll()).object();
}

QString firstInstalled(const QStringList& families, QFontDatabase::SystemFont fallback)
{
    for (const auto& family : families)
        if (QFontDatabase::hasFamily(family))
            return family;
    return QFontDatabase::systemFont(fallback).family();
}

} // namespace

Theme::Theme()
{
    initResources();
    m_family = firstInstalled({"Inter", "Inter Variable"}, QFontDatabase::GeneralFont);
    m_monospace = firstInstalled({"JetBrains Mono", "DejaVu Sans Mono"}, QFontDatabase::FixedFont);
    load(QStringLiteral("dark"));
}

bool Theme::load(const QString& id)
{
    const QJsonObject object = readTheme(id);
    if (object.isEmpty())
        return false;
    m_id = id;
    m_dark = object["dark"].toBool();
    const QJsonObject roles = object["roles"].toObject();
    for (const auto& [name, role] : roleNames)
        m_roles[static_cast<int>(role)] = QColor(roles[QLatin1String(name)].toString());
    m_categories.clear();
    const QJsonObject categories = object["categories"].toObject();
    for (auto it = categories.begin(); it != categories.end(); ++it)
        m_categories[it.key()] = QColor(it.value().toString());
    return true;
}

QColor Theme::color(Role role) const
{
    return m_roles.value(static_cast<int>(role));
}

QColor Theme::category(const std::string& id) const
{
    return m_categories.value(QString::fromStdString(id), color(Role::TextDim));
}

QFont Theme::font(int size, QFont::Weight weight) const
{
    QFont font(m_family);
    font.setPixelSize(size);
    font.setWeight(weight);
    return font;
}

QFont Theme::monospace(int size, QFont::Weight weight) const
{
    QFont font(m_monospace);
    font.setPixelSize(size);
    font.setWeight(weight);
    font.setStyleHint(QFont::Monospace);
    return font;
}

Theme& mutableTheme()
{
    static Theme instance;
    return instance;
}

const Theme& theme()
{
    return mutableTheme();
}

void setTheme(const QString& id)
{
    Theme& theme = mutableTheme();
    if (!theme.load(id))
        return;
    static bool fusion = false;
    if (!fusion)
        QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    fusion = true;
    QApplication::setFont(theme.font());
    QApplication::setPalette(applicationPalette(theme));
    qApp->setStyleSheet(applicationStyleSheet(theme));
    Q_EMIT theme.changed();
}

QList<QPair<QString, QString>> availableThemes()
{
    theme();
    QList<QPair<QString, QString>> all;
    for (const auto& file :
        QDir(QStringLiteral(":/gradloom/themes")).entryList({"*.json"}, QDir::Files, QDir::Name)) {
        const QString id = file.chopped(5);
        all.append({id, readTheme(id)["title"].toString()});
    }
    return all;
}

QPixmap themedPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio)
{
    theme();
    QFile file(QStringLiteral(":/gradloom/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    QSvgRenderer renderer(file.readAll().replace("currentColor", color.name().toLatin1()));
    const int pixels = qRound(size * devicePixelRatio);
    QPixmap pixmap(pixels, pixels);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    renderer.render(&painter);
    painter.end();
    pixmap.setDevicePixelRatio(devicePixelRatio);
    return pixmap;
}

QIcon themedIcon(const QString& name, Role role)
{
    QIcon icon;
    const QColor color = theme().color(role);
    icon.addPixmap(themedPixmap(name, color, 16, 1));
    icon.addPixmap(themedPixmap(name, color, 16, 2));
    QColor disabled = color;
    disabled = mixed(theme().color(Role::Panel), color, 0.3);
    icon.addPixmap(themedPixmap(name, disabled, 16, 1), QIcon::Disabled);
    icon.addPixmap(themedPixmap(name, disabled, 16, 2), QIcon::Disabled);
    return icon;
}

QColor mixed(const QColor& a, const QColor& b, double share)
{
    const auto mix = [share](float x, float y) { return x + (y - x) * static_cast<float>(share); };
    return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()), mix(a.blueF(), b.blueF()),
        mix(a.alphaF(), b.alphaF()));
}

} // namespace gradloom::widgets
