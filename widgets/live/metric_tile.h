#pragma once

#include <QWidget>

class QLineEdit;

namespace gradloom::widgets {

/// A card with a caption and one number.
class MetricTile : public QWidget
{
    Q_OBJECT

public:
    enum class Tone { Plain, Good, Bad };

    explicit MetricTile(const QString& caption, QWidget* parent = nullptr);

    void setValue(const QString& value, Tone tone = Tone::Plain);
    QString value() const { return m_value; }
    /// A click opens a field; valueEntered follows with what was typed. While the field is open the value
    /// stands.
    void setEditable(bool editable);

    QSize sizeHint() const override { return {190, 72}; }
    QSize minimumSizeHint() const override { return {118, 72}; }

Q_SIGNALS:
    void valueEntered(const QString& text);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void enterEvent(QEnterEvent* event) override;
    void leaveEvent(QEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void openField();
    void closeField();

    QString m_caption;
    QString m_value;
    Tone m_tone = Tone::Plain;
    bool m_editable = false;
    bool m_hovered = false;
    QLineEdit* m_field = nullptr;
};

} // namespace gradloom::widgets
