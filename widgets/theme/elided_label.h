#pragma once

#include <QLabel>
#include <QPainter>
#include <QStyle>

namespace gradloom::widgets {

/// Gives way where room is narrow: a long text ends in dots and pushes nothing out of sight.
class ElidedLabel : public QLabel
{
public:
    using QLabel::QLabel;
    QSize minimumSizeHint() const override { return {40, QLabel::minimumSizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        const QRect place = contentsRect();
        style()->drawItemText(&painter, place, Qt::AlignVCenter | Qt::AlignLeft, palette(), isEnabled(),
            fontMetrics().elidedText(text(), Qt::ElideRight, place.width()), foregroundRole());
    }
};

} // namespace gradloom::widgets
