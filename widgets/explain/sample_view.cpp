#include "widgets/explain/sample_view.h"

#include "engine/data/preprocess.h"
#include "engine/data/vocabulary.h"
#include "widgets/live/tensor_image.h"
#include "widgets/theme/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <array>

namespace gradloom::widgets {

namespace {

constexpr int border = 3;
constexpr std::array curveColors{Role::Accent, Role::Success, Role::Warning, Role::Error};

QImage canvas(QSize size)
{
    QImage image(size, QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    return image;
}

/// Steps × columns of numbers, every column a curve; all share one scale.
QImage curvesImage(
    std::span<const float> values, size_t columns, const std::vector<std::string>& names, QSize size)
{
    QImage image = canvas(size);
    const size_t steps = values.size() / columns;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double span = std::max(1e-6, static_cast<double>(*high) - *low);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(theme().font(12));
    const bool named = columns > 1 && size.width() > 120;
    const double top = named ? 24 : border; // the names stand above the curves
    int nameLeft = border;
    for (size_t column = 0; column < columns; ++column) {
        QPainterPath path;
        for (size_t step = 0; step < steps; ++step) {
            const double x = border + (size.width() - 2.0 * border) * static_cast<double>(step) /
                                          static_cast<double>(std::max<size_t>(1, steps - 1));
            const double value = (values[step * columns + column] - *low) / span;
            const double y = size.height() - border - (size.height() - top - border) * value;
            step == 0 ? path.moveTo(x, y) : path.lineTo(x, y);
        }
        painter.setPen(
            QPen(theme().color(curveColors[column % curveColors.size()]), size.width() > 120 ? 1.8 : 1.2));
        painter.drawPath(path);
        if (!named || column >= std::min(names.size(), curveColors.size()))
            continue;
        const QString name = QString::fromStdString(names[column]);
        painter.drawText(nameLeft, 15, name);
        nameLeft += painter.fontMetrics().horizontalAdvance(name) + 18;
    }
    return image;
}

QImage textImage(const QString& text, QSize size)
{
    QImage image = canvas(size);
    QPainter painter(&image);
    painter.setFont(theme().font(size.width() > 120 ? (text.size() > 60 ? 18 : 30) : 9));
    painter.setPen(theme().color(Role::Text));
    painter.drawText(image.rect().adjusted(border, border, -border, -border),
        Qt::AlignCenter | Qt::TextWrapAnywhere | Qt::TextWordWrap, text);
    return image;
}

/// Each number a bar from zero; with room for it its name and value.
QImage barsImage(std::span<const float> values, const std::vector<std::string>& names, QSize size)
{
    constexpr size_t most = 24;
    const size_t count = std::min(values.size(), most);
    float largest = 1e-6f;
    for (const float value : values.first(count))
        largest = std::max(largest, std::abs(value));
    QImage image = canvas(size);
    QPainter painter(&image);
    const bool large = size.width() > 120;
    const double highest = large ? 34 : size.height();
    const double height = std::min(highest, (size.height() - 2.0 * border) / static_cast<double>(count));
    const double top = (size.height() - height * static_cast<double>(count)) / 2;
    const bool room = large && height >= 12;
    const double left = room ? std::min(size.width() * 0.4, 260.0) : border;
    const double half = (size.width() - border - left) / 2;
    painter.setFont(theme().font(13));
    for (size_t i = 0; i < count; ++i) {
        const double length = half * values[i] / largest;
        const double y = top + height * static_cast<double>(i);
        const double gap = large ? 4 : 1;
        const QRectF bar(left + half + std::min(0.0, length), y + gap, std::abs(length) + 1,
            std::max(1.0, height - 2 * gap));
        painter.fillRect(bar, theme().color(values[i] < 0 ? Role::Warning : Role::Accent));
        if (!room)
            continue;
        painter.setPen(theme().color(Role::TextDim));
        const QString name = i < names.size() ? QString::fromStdString(names[i]) : QString::number(i + 1);
        painter.drawText(QRectF(border, y, left - 2 * border, height), Qt::AlignVCenter | Qt::AlignLeft,
            painter.fontMetrics().elidedText(QStringLiteral("%1  %2").arg(name).arg(values[i], 0, 'g', 4),
                Qt::ElideRight, static_cast<int>(left) - 6));
    }
    return image;
}

} // namespace

QImage sampleImage(const Tensor& stored, const data::LoadedData& data, QSize size)
{
    if (stored.empty())
        return {};
    const int rank = stored.shape().rank();
    if (stored.dtype() == DType::I32)
        return textImage(QString::fromStdString(data::textOfTokens(stored.as<int32_t>(), data)), size);
    if (rank == 3)
        return inputPicture(stored);
    const Tensor numbers = data::preprocessed({}, stored);
    if (rank == 2)
        return curvesImage(numbers.floats(), static_cast<size_t>(stored.shape()[1]), data.features, size);
    return rank == 1 ? barsImage(numbers.floats(), data.features, size) : QImage();
}

QString numbersText(std::span<const float> values, const data::Target& target)
{
    constexpr size_t most = 6;
    QString text;
    for (size_t i = 0; i < std::min(values.size(), most); ++i) {
        const size_t places = target.mean.size();
        const double own =
            places == 0 ? values[i] : values[i] * target.deviation[i % places] + target.mean[i % places];
        text += (i ? QStringLiteral(", ") : QString()) + QString::number(own, 'g', 4);
    }
    if (values.size() > most)
        text += QStringLiteral(" …");
    return target.unit.empty() ? text : text + QLatin1Char(' ') + QString::fromStdString(target.unit);
}

QString truthText(const data::Dataset& dataset, int64_t index, const data::LoadedData& data, int target)
{
    if (target < 0)
        return {};
    const data::Target& kind = data.targets[static_cast<size_t>(target)];
    const Tensor& values = dataset.targets[static_cast<size_t>(target)];
    const auto elements = static_cast<size_t>(kind.type.shape.elements());
    const size_t at = static_cast<size_t>(index) * elements;
    switch (kind.kind) {
    case data::Target::Kind::Classes:
        return QString::fromStdString(kind.names[static_cast<size_t>(values.as<int32_t>()[at])]);
    case data::Target::Kind::Numbers:
        return numbersText(values.floats().subspan(at, elements), kind);
    case data::Target::Kind::Tokens:
        return QString::fromStdString(data::textOfTokens(values.as<int32_t>().subspan(at, elements), data));
    }
    return {};
}

} // namespace gradloom::widgets
