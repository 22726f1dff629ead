#pragma once

#include "engine/train/train_session.h"

#include <QImage>
#include <QWidget>

#include <vector>

namespace gradloom::widgets {

/// What the layers compute for one picture: for each a row of feature maps.
class LayerStrips : public QWidget
{
    Q_OBJECT

public:
    explicit LayerStrips(QWidget* parent = nullptr);

    void setActivations(std::vector<train::Activation> activations);
    static constexpr int rowHeight = 86;
    int rows() const { return static_cast<int>(m_activations.size()); }

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {60, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void render();

    std::vector<train::Activation> m_activations;
    std::vector<QImage> m_maps; ///< all maps of a layer side by side, one pixel a value
    std::vector<int> m_shown;   ///< how many of them are painted
};

} // namespace gradloom::widgets
