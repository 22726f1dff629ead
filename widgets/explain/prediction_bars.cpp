#include "widgets/explain/prediction_bars.h"

#include "widgets/theme/theme.h"

#include <QMouseEvent>
#include <QPainter>

#include <algorithm>

namespace gradloom::widgets {

PredictionBars::PredictionBars(QWidget* parent) : QWidget(parent)
{
    setObjectName("predictionBars");
    setMouseTracking(true);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Prediction"));
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void PredictionBars::setPrediction(std::vector<float> probabilities, QStringList names, int truth)
{
    m_bars.clear();
    if (probabilities.size() == 1) // one number for two classes: that of the second
        probabilities = {1 - probabilities[0], probabilities[0]};
    for (size_t i = 0; i < probabilities.size(); ++i)
        m_bars.push_back({static_cast<int>(i), probabilities[i]});
    std::stable_sort(m_bars.begin(), m_bars.end(),
        [](const Bar& a, const Bar& b) { return a.probability > b.probability; });
    if (m_bars.size() > rows)
        m_bars.resize(rows);
    m_names = std::move(names);
    m_truth = truth;
    m_hovered = -1;
    QStringList words;
    for (const Bar& bar : m_bars)
        words += tr("%1 %2 %").arg(m_names.value(bar.index)).arg(bar.probability * 100, 0, 'f', 1);
    setAccessibleDescription(words.join(QStringLiteral(", ")));
    setCursor(m_bars.empty() ? Qt::ArrowCursor : Qt::PointingHandCursor);
    update();
}

int PredictionBars::classAt(int row) const
{
    return row >= 0 && static_cast<size_t>(row) < m_bars.size() ? m_bars[static_cast<size_t>(row)].index : -1;
}

void PredictionBars::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const int names = std::min(120, width() / 3), numbers = 58;
    for (size_t i = 0; i < m_bars.size(); ++i) {
        const Bar& bar = m_bars[i];
        const QRect row(0, static_cast<int>(i) * rowHeight, width(), rowHeight);
        const bool truth = bar.index == m_truth;
        const bool hovered = static_cast<int>(i) == m_hovered;
        painter.setFont(theme().font(13, truth ? QFont::DemiBold : QFont::Normal));
        painter.setPen(theme().color(hovered ? Role::Accent : Role::Text));
        painter.drawText(row.adjusted(0, 0, names - row.width() - 8, 0), Qt::AlignLeft | Qt::AlignVCenter,
            painter.fontMetrics().elidedText(m_names.value(bar.index), Qt::ElideRight, names - 8));
        painter.setFont(theme().font(13));
        painter.setPen(theme().color(Role::Text));
        painter.drawText(
            row, Qt::AlignRight | Qt::AlignVCenter, QString::number(bar.probability * 100, 'f', 1) + u'%');
        const QRectF track(names, row.center().y() - 5, row.width() - names - numbers, 11);
        painter.setPen(Qt::NoPen);
        painter.setBrush(theme().color(Role::Border));
        painter.drawRoundedRect(track, 4, 4);
        // Green: right. Red: the first choice is wrong.
        const Role role = truth || (m_truth < 0 && i == 0) ? Role::Success
                          : i == 0                         ? Role::Error
                                                           : Role::TextDim;
        QRectF filled = track;
        filled.setWidth(
            std::max(2.0, track.width() * static_cast<double>(std::clamp(bar.probability, 0.0f, 1.0f))));
        painter.setBrush(theme().color(role));
        const double radius = std::min(4.0, filled.width() / 2);
        painter.drawRoundedRect(filled, radius, radius);
    }
}

void PredictionBars::mousePressEvent(QMouseEvent* event)
{
    const int index = classAt(static_cast<int>(event->position().y()) / rowHeight);
    if (event->button() == Qt::LeftButton && index >= 0)
        Q_EMIT classClicked(index);
}

void PredictionBars::mouseMoveEvent(QMouseEvent* event)
{
    m_hovered = static_cast<int>(event->position().y()) / rowHeight;
    update();
}

void PredictionBars::leaveEvent(QEvent*)
{
    m_hovered = -1;
    update();
}

} // namespace gradloom::widgets
