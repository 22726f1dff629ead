#pragma once

#include <QStringList>
#include <QWidget>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace gradloom::widgets {

/// The confusion matrix as a square of cells: rows are true classes, columns what the network says. The
/// diagonal shows the share that is right, the rest where it errs. A click on a cell chooses it, a second one
/// releases it.
class ConfusionMatrix : public QWidget
{
    Q_OBJECT

public:
    using Cell = std::pair<int, int>; ///< true class, predicted class

    explicit ConfusionMatrix(QWidget* parent = nullptr);

    void setMatrix(std::vector<std::vector<int64_t>> matrix, QStringList names);
    void setChosen(std::optional<Cell> cell);
    std::optional<Cell> chosen() const { return m_chosen; }
    /// Where a cell is painted.
    QRectF cellRect(Cell cell) const;

    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override { return width; }
    QSize sizeHint() const override { return {236, 236}; }
    QSize minimumSizeHint() const override { return {160, 160}; }

Q_SIGNALS:
    /// (-1, -1): released.
    void cellChosen(int trueClass, int predictedClass);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool event(QEvent* event) override;

private:
    std::optional<Cell> cellAt(QPointF position) const;
    QString describe(Cell cell) const;
    void choose(std::optional<Cell> cell);

    std::vector<std::vector<int64_t>> m_matrix;
    std::vector<int64_t> m_rowSums;
    QStringList m_names;
    std::optional<Cell> m_chosen;
    std::optional<Cell> m_hovered;
};

} // namespace gradloom::widgets
