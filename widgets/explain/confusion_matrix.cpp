#include "widgets/explain/confusion_matrix.h"

#include "widgets/theme/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradloom::widgets {

ConfusionMatrix::ConfusionMatrix(QWidget* parent) : QWidget(parent)
{
    setObjectName("confusionMatrix");
    setMouseTracking(true);
    setFocusPolicy(Qt::TabFocus);
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Preferred);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    setAccessibleName(tr("Confusion matrix"));
    setAccessibleDescription(tr("Rows are true classes, columns predictions. Arrow keys choose a cell."));
    connect(&theme(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ConfusionMatrix::setMatrix(std::vector<std::vector<int64_t>> matrix, QStringList names)
{
    m_matrix = std::move(matrix);
    m_names = std::move(names);
    m_rowSums.clear();
    for (const auto& row : m_matrix)
        m_rowSums.push_back(std::accumulate(row.begin(), row.end(), int64_t{0}));
    const int size = static_cast<int>(m_matrix.size());
    if (m_chosen && (m_chosen->first >= size || m_chosen->second >= size))
        m_chosen.reset();
    m_hovered.reset();
    setCursor(m_matrix.empty() ? Qt::ArrowCursor : Qt::PointingHandCursor);
    update();
}

void ConfusionMatrix::setChosen(std::optional<Cell> cell)
{
    m_chosen = cell;
    update();
}

QRectF ConfusionMatrix::cellRect(Cell cell) const
{
    const double side = std::min(width(), height());
    const double step = m_matrix.empty() ? side : side / static_cast<double>(m_matrix.size());
    const double gap = step > 12 ? 2 : step > 6 ? 1 : 0;
    return QRectF((width() - side) / 2 + cell.second * step, cell.first * step, step, step)
        .adjusted(gap / 2, gap / 2, -gap / 2, -gap / 2);
}

std::optional<ConfusionMatrix::Cell> ConfusionMatrix::cellAt(QPointF position) const
{
    const double side = std::min(width(), height());
    const double left = (width() - side) / 2;
    const int size = static_cast<int>(m_matrix.size());
    if (size == 0 || position.x() < left || position.y() < 0)
        return {};
    const Cell cell(
        static_cast<int>(position.y() / side * size), static_cast<int>((position.x() - left) / side * size));
    if (cell.first >= size || cell.second >= size)
        return {};
    return cell;
}

QString ConfusionMatrix::describe(Cell cell) const
{
    const auto row = static_cast<size_t>(cell.first);
    const int64_t count = m_matrix[row][static_cast<size_t>(cell.second)];
    const double share =
        m_rowSums[row] > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(m_rowSums[row]) : 0;
    const QString percent = QString::number(share, 'f', 1);
    if (cell.first == cell.second)
        return tr("%1: %2 right (%3 %)").arg(m_names.value(cell.first)).arg(count).arg(percent);
    return tr("%1 taken for %2: %3 (%4 %)")
        .arg(m_names.value(cell.first), m_names.value(cell.second))
        .arg(count)
        .arg(percent);
}

void ConfusionMatrix::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor empty = mixed(theme().color(Role::Panel), theme().color(Role::Raised), 0.85);
    const QColor full = theme().color(Role::Accent);
    const int size = static_cast<int>(m_matrix.size());
    for (int row = 0; row < size; ++row)
        for (int column = 0; column < size; ++column) {
            const Cell cell(row, column);
            const QRectF rect = cellRect(cell);
            const int64_t sum = m_rowSums[static_cast<size_t>(row)];
            const double share =
                sum > 0
                    ? static_cast<double>(m_matrix[static_cast<size_t>(row)][static_cast<size_t>(column)]) /
                          static_cast<double>(sum)
                    : 0;
            // The square root lets errors of one per cent be seen.
            painter.setPen(Qt::NoPen);
            painter.setBrush(mixed(empty, full, std::sqrt(share)));
            const double radius = rect.width() > 10 ? 3 : 0;
            painter.drawRoundedRect(rect, radius, radius);
            if (m_chosen == cell || m_hovered == cell) {
                painter.setBrush(Qt::NoBrush);
                painter.setPen(QPen(theme().color(m_chosen == cell ? Role::Text : Role::TextDim), 1.6));
                painter.drawRoundedRect(rect.adjusted(0.8, 0.8, -0.8, -0.8), radius, radius);
            }
        }
    if (hasFocus() && !m_chosen) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(theme().color(Role::Accent));
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
    }
}

void ConfusionMatrix::choose(std::optional<Cell> cell)
{
    m_chosen = cell;
    update();
    Q_EMIT cellChosen(cell ? cell->first : -1, cell ? cell->second : -1);
}

void ConfusionMatrix::mousePressEvent(QMouseEvent* event)
{
    const auto cell = cellAt(event->position());
    if (event->button() == Qt::LeftButton && cell)
        choose(cell == m_chosen ? std::nullopt : cell);
}

void ConfusionMatrix::mouseMoveEvent(QMouseEvent* event)
{
    const auto cell = cellAt(event->position());
    if (cell == m_hovered)
        return;
    m_hovered = cell;
    update();
}

void ConfusionMatrix::leaveEvent(QEvent*)
{
    m_hovered.reset();
    update();
}

void ConfusionMatrix::keyPressEvent(QKeyEvent* event)
{
    const int last = static_cast<int>(m_matrix.size()) - 1;
    if (last < 0)
        return;
    Cell cell = m_chosen.value_or(Cell(0, 0));
    switch (event->key()) {
    case Qt::Key_Left:
        --cell.second;
        break;
    case Qt::Key_Right:
        ++cell.second;
        break;
    case Qt::Key_Up:
        --cell.first;
        break;
    case Qt::Key_Down:
        ++cell.first;
        break;
    case Qt::Key_Escape:
        return choose({});
    default:
        return QWidget::keyPressEvent(event);
    }
    cell.first = std::clamp(cell.first, 0, last);
    cell.second = std::clamp(cell.second, 0, last);
    choose(cell);
}

bool ConfusionMatrix::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        auto* help = static_cast<QHelpEvent*>(event);
        if (const auto cell = cellAt(help->pos()))
            QToolTip::showText(help->globalPos(), describe(*cell), this, cellRect(*cell).toRect());
        else
            QToolTip::hideText();
        return true;
    }
    return QWidget::event(event);
}

} // namespace gradloom::widgets
