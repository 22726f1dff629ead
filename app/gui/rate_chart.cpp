#include "app/gui/rate_chart.h"

#include "widgets/live/live_text.h"
#include "widgets/theme/theme.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <cmath>

namespace gradloom::gui {

using namespace widgets;

RateChart::RateChart(QWidget* parent) : QWidget(parent)
{
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Loss over the learning rate"));
    connect(&theme(), &Theme::changed, this, [this] { update(); });
}

void RateChart::setSearch(train::RateSearch search)
{
    m_search = std::move(search);
    m_chosen = m_search.suggestion;
    std::vector<double> losses;
    for (const auto& point : m_search.points)
        losses.push_back(point.smoothed);
    if (!losses.empty()) {
        const auto [low, high] = std::minmax_element(losses.begin(), losses.end());
        // The last points shoot up; what matters lies below twice the range before.
        const double first = losses.front();
        m_lowestLoss = *low;
        m_highestLoss = std::min(*high, *low + 2 * std::max(first - *low, 1e-6));
    }
    update();
}

QRectF RateChart::plotArea() const
{
    return QRectF(rect()).adjusted(56, 12, -14, -34);
}

double RateChart::xOf(double rate) const
{
    const double low = std::log(m_search.points.front().rate);
    const double high = std::log(m_search.points.back().rate);
    return plotArea().left() + plotArea().width() * (std::log(rate) - low) / std::max(high - low, 1e-9);
}

double RateChart::yOf(double loss) const
{
    const double margin = 0.05 * (m_highestLoss - m_lowestLoss);
    const double share = (loss - m_lowestLoss + margin) / (m_highestLoss - m_lowestLoss + 2 * margin);
    return plotArea().bottom() - plotArea().height() * std::clamp(share, -0.1, 1.1);
}

void RateChart::drawAxes(QPainter& painter) const
{
    const QRectF area = plotArea();
    painter.setFont(theme().font(11));
    for (int power = -12; power <= 6; ++power) {
        const double rate = std::pow(10.0, power);
        if (rate < m_search.points.front().rate * 0.999 || rate > m_search.points.back().rate * 1.001)
            continue;
        const double x = xOf(rate);
        painter.setPen(theme().color(Role::Grid));
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
        painter.setPen(theme().color(Role::TextDim));
        painter.drawText(
            QRectF(x - 30, area.bottom() + 4, 60, 14), Qt::AlignCenter, QStringLiteral("1e%1").arg(power));
    }
    for (const double share : {0.0, 0.5, 1.0}) {
        const double loss = m_lowestLoss + share * (m_highestLoss - m_lowestLoss);
        painter.drawText(QRectF(0, yOf(loss) - 8, area.left() - 8, 16), Qt::AlignRight | Qt::AlignVCenter,
            QString::fromStdString(lossText(loss)));
    }
    painter.drawText(
        QRectF(area.left(), area.bottom() + 18, area.width(), 16), Qt::AlignCenter, tr("learning rate"));
}

void RateChart::drawCurve(QPainter& painter, double train::RateSearch::Point::*loss, const QPen& pen) const
{
    QPainterPath path;
    for (const auto& point : m_search.points) {
        const QPointF place(xOf(point.rate), yOf(point.*loss));
        if (path.isEmpty())
            path.moveTo(place);
        else
            path.lineTo(place);
    }
    painter.setPen(pen);
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(path);
}

void RateChart::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(rect(), theme().color(Role::Raised));
    if (m_search.points.size() < 2)
        return;
    drawAxes(painter);
    painter.save();
    painter.setClipRect(plotArea());
    drawCurve(painter, &train::RateSearch::Point::loss, QPen(theme().color(Role::Border), 1));
    drawCurve(painter, &train::RateSearch::Point::smoothed, QPen(theme().color(Role::Accent), 2));
    if (m_chosen) {
        painter.setPen(QPen(theme().color(Role::Success), 1.5, Qt::DashLine));
        painter.drawLine(
            QPointF(xOf(*m_chosen), plotArea().top()), QPointF(xOf(*m_chosen), plotArea().bottom()));
    }
    painter.restore();
    if (hasFocus()) {
        painter.setPen(theme().color(Role::Accent));
        painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
    }
}

void RateChart::choose(double rate)
{
    m_chosen = std::clamp(rate, m_search.points.front().rate, m_search.points.back().rate);
    update();
    Q_EMIT rateChosen(*m_chosen);
}

void RateChart::chooseAt(double x)
{
    if (m_search.points.size() < 2)
        return;
    const double low = std::log(m_search.points.front().rate);
    const double high = std::log(m_search.points.back().rate);
    choose(std::exp(low + (high - low) * (x - plotArea().left()) / plotArea().width()));
}

void RateChart::mousePressEvent(QMouseEvent* event)
{
    chooseAt(event->position().x());
}

void RateChart::mouseMoveEvent(QMouseEvent* event)
{
    if (event->buttons() & Qt::LeftButton)
        chooseAt(event->position().x());
}

void RateChart::keyPressEvent(QKeyEvent* event)
{
    const int direction = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    if (direction == 0 || m_search.points.size() < 2 || !m_chosen) {
        QWidget::keyPressEvent(event);
        return;
    }
    choose(*m_chosen * std::pow(10.0, 0.05 * direction));
}

} // namespace gradloom::gui
