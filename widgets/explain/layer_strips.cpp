#include "widgets/explain/layer_strips.h"

#include "widgets/live/tensor_image.h"
#include "widgets/theme/theme.h"

#include <QPainter>

#include <algorithm>

namespace gradloom::widgets {

namespace {
constexpr int captionHeight = 22;
constexpr int mapSide = 54;
constexpr int mapGap = 4;
static_assert(LayerStrips::rowHeight == captionHeight + mapSide + 10);
} // namespace

LayerStrips::LayerStrips(QWidget* parent) : QWidget(parent)
{
    setObjectName("layerStrips");
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Feature maps of the layers"));
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void LayerStrips::setActivations(std::vector<train::Activation> activations)
{
    const bool other = activations.size() != m_activations.size();
    m_activations = std::move(activations);
    render();
    if (other)
        updateGeometry();
    update();
}

QSize LayerStrips::sizeHint() const
{
    return {420, std::max(1, rows()) * rowHeight};
}

void LayerStrips::render()
{
    m_maps.clear();
    m_shown.clear();
    const int room = std::max(1, (width() + mapGap) / (mapSide + mapGap));
    for (const train::Activation& activation : m_activations) {
        const int count = std::min(room, mapCount(activation.values));
        m_shown.push_back(count);
        m_maps.push_back(mapAtlas(activation.values, std::max(1, mapCount(activation.values))));
    }
}

void LayerStrips::resizeEvent(QResizeEvent*)
{
    render();
}

void LayerStrips::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setFont(theme().font(12));
    for (size_t row = 0; row < m_activations.size(); ++row) {
        const int top = static_cast<int>(row) * rowHeight;
        const train::Activation& activation = m_activations[row];
        painter.setPen(theme().color(Role::TextDim));
        const QString name = QString::fromStdString(activation.node);
        const QString shape = QString::fromStdString(activation.values.shape().toString());
        painter.drawText(QRect(0, top, width(), captionHeight - 4), Qt::AlignLeft | Qt::AlignVCenter, name);
        painter.drawText(QRect(0, top, width(), captionHeight - 4), Qt::AlignRight | Qt::AlignVCenter, shape);
        const int channels = std::max(1, mapCount(activation.values));
        const double mapWidth = static_cast<double>(m_maps[row].width() + 1) / channels - 1;
        for (int i = 0; i < m_shown[row]; ++i)
            painter.drawImage(QRectF(i * (mapSide + mapGap), top + captionHeight, mapSide, mapSide),
                m_maps[row], QRectF(i * (mapWidth + 1), 0, mapWidth, m_maps[row].height()));
    }
}

} // namespace gradloom::widgets
