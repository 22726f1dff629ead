#pragma once

#include "engine/train/rate_search.h"

#include <QWidget>

#include <optional>

namespace gradloom::gui {

/// The loss over the learning rate (logarithmic), with the rate that is chosen. A click or the arrow keys
/// choose another one.
class RateChart : public QWidget
{
    Q_OBJECT
public:
    explicit RateChart(QWidget* parent = nullptr);

    void setSearch(train::RateSearch search);
    std::optional<double> chosen() const { return m_chosen; }

    QSize sizeHint() const override { return {560, 300}; }

Q_SIGNALS:
    void rateChosen(double rate);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    QRectF plotArea() const;
    double xOf(double rate) const;
    double yOf(double loss) const;
    void chooseAt(double x);
    void choose(double rate);
    void drawAxes(QPainter& painter) const;
    void drawCurve(QPainter& painter, double train::RateSearch::Point::*loss, const QPen& pen) const;

    train::RateSearch m_search;
    std::optional<double> m_chosen;
    double m_lowestLoss = 0;
    double m_highestLoss = 1;
};

} // namespace gradloom::gui
