#pragma once

#include <QStringList>
#include <QWidget>

#include <optional>
#include <vector>

namespace gradloom::widgets {

/// The most probable classes as bars. A click on one asks for its explanation.
class PredictionBars : public QWidget
{
    Q_OBJECT

public:
    explicit PredictionBars(QWidget* parent = nullptr);

    /// `truth` -1: not known.
    void setPrediction(std::vector<float> probabilities, QStringList names, int truth);
    /// Class of a row, -1 below the last.
    int classAt(int row) const;
    static constexpr int rows = 5;
    static constexpr int rowHeight = 27;

    QSize sizeHint() const override { return {360, rows * rowHeight}; }
    QSize minimumSizeHint() const override { return {220, rows * rowHeight}; }

Q_SIGNALS:
    void classClicked(int index);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    struct Bar
    {
        int index;
        float probability;
    };
    std::vector<Bar> m_bars; ///< largest first
    QStringList m_names;
    int m_truth = -1;
    int m_hovered = -1;
};

} // namespace gradloom::widgets
