#pragma once

#include <QFrame>
#include <QImage>

#include <functional>

class QHBoxLayout;

namespace gradloom::widgets {

/// A card with a picture as large as it fits and two lines below; controls may stand beside the lines.
class PictureCard : public QFrame
{
    Q_OBJECT

public:
    explicit PictureCard(QWidget* parent = nullptr);

    /// `unit`: size of the sample behind the picture. It is shown at a whole multiple, so that a picture and
    /// its heat map are equally large and all pixels of the sample too. A picture of that size keeps its
    /// pixels sharp.
    void setPicture(const QImage& picture, QSize unit);
    /// What is shown.
    QImage picture() const { return m_drawing ? m_drawing(space().size()) : m_picture; }
    /// What is no picture of pixels is drawn anew at the size of the card.
    void setDrawing(std::function<QImage(QSize)> drawing);
    void setLines(const QString& title, const QString& line);
    QString line() const { return m_line; }
    /// Puts a control at the right of the lines.
    void addControl(QWidget* control);

    QSize sizeHint() const override { return {360, 420}; }
    QSize minimumSizeHint() const override { return {200, 250}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QRect space() const; ///< for the picture

    QImage m_picture;
    QSize m_unit;
    std::function<QImage(QSize)> m_drawing;
    QString m_title;
    QString m_line;
    QHBoxLayout* m_controls = nullptr;
};

} // namespace gradloom::widgets
