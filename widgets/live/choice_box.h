#pragma once

#include <QComboBox>

namespace gradloom::widgets {

/// A combination box with the small arrow that the style sheet leaves to its widgets, as wide as its longest
/// entry where there is room and narrower where there is not. The wheel scrolls the page, not the choice,
/// until it has the keyboard.
class ChoiceBox : public QComboBox
{
    Q_OBJECT

public:
    explicit ChoiceBox(QWidget* parent = nullptr);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    void showPopup() override;

protected:
    void paintEvent(QPaintEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
};

} // namespace gradloom::widgets
