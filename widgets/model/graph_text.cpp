#include "widgets/model/graph_text.h"

#include <QLocale>

namespace gradloom::widgets {

QString shortCount(int64_t count)
{
    if (count <= 0)
        return {};
    const auto scaled = [](double value, const char* unit) {
        return QString::number(value, 'f', value < 100 ? 1 : 0) + QLatin1String(unit);
    };
    if (count < 1000)
        return QStringLiteral("%1 p").arg(count);
    if (count < 999'500)
        return scaled(static_cast<double>(count) / 1e3, "k");
    if (count < 999'500'000)
        return scaled(static_cast<double>(count) / 1e6, "M");
    return scaled(static_cast<double>(count) / 1e9, "G");
}

QString countText(const graph::NodeInfo& info)
{
    const QString one = shortCount(info.parameters / info.repeat);
    return info.repeat == 1 || one.isEmpty() ? one : QStringLiteral("%1 × %2").arg(one).arg(info.repeat);
}

QString fullCount(int64_t count)
{
    return QLocale().toString(static_cast<qlonglong>(count));
}

QString megaFlops(int64_t flops)
{
    const double mega = static_cast<double>(flops) / 1e6;
    return QLocale().toString(mega, 'f', mega < 0.1 ? 3 : mega < 10 ? 2 : mega < 1000 ? 1 : 0);
}

QString shapeText(const TensorType& type)
{
    return QString::fromStdString(type.shape.toString());
}

QString spacedShapeText(const TensorType& type)
{
    return shapeText(type).replace(QStringLiteral("×"), QStringLiteral(" × "));
}

} // namespace gradloom::widgets
