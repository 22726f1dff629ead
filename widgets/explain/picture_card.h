#pragma once

#include <QFrame>
#include <QImage>

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
    const QImage& picture() const { return m_picture; }
    void setLines(const QString& title, const QString& line);
    QString line() const { return m_line; }
    /// Puts a control at the right of the lines.
    void addControl(QWidget* control);

    QSize sizeHint() const override { return {360, 420}; }
    QSize minimumSizeHint() const override { return {200, 250}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QImage m_picture;
    QSize m_unit;
    QString m_title;
    QString m_line;
    QHBoxLayout* m_controls = nullptr;
};

} // namespace gradloom::widgets
