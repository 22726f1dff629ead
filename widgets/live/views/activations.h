#pragma once

#include "widgets/live/gl_live_view.h"

namespace gradloom::widgets {

/// All feature maps that one layer computes for the probe picture, or its numbers as bars.
class ActivationsView : public GlLiveView
{
    Q_OBJECT

public:
    explicit ActivationsView(LiveContext& context);

protected:
    void paint(LiveFrame& frame) override;

private:
    const train::Activation* shown() const;
    void drawList(LiveFrame& frame, const QRectF& area);
    void drawMaps(LiveFrame& frame, const QRectF& area, const train::Activation& activation);
    void drawBars(LiveFrame& frame, const QRectF& area, const train::Activation& activation);

    double m_scroll = 0;                         ///< of the list of layers, in pixels
    const train::Snapshot* m_uploaded = nullptr; ///< compared only, never read
    int64_t m_uploadedStep = -1;
    std::string m_uploadedNode;
    int m_uploadedColumns = 0;
};

} // namespace gradloom::widgets
