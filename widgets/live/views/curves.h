#pragma once

#include "widgets/live/curve_data.h"
#include "widgets/live/gl_live_view.h"
#include "widgets/live/plot.h"

namespace gradloom::widgets {

/// Loss and accuracy side by side, and how the layers are doing beside them where there is room.
class CurvesView : public GlLiveView
{
    Q_OBJECT

public:
    explicit CurvesView(LiveContext& context);

    const Plot& lossPlot() const { return m_lossPlot; }
    const Plot& accuracyPlot() const { return m_accuracyPlot; }

protected:
    void paint(LiveFrame& frame) override;

private:
    PlotSpec commonSpec() const;
    PlotSpec lossSpec(const LiveColors& colors) const;
    PlotSpec accuracySpec(const LiveColors& colors) const;
    std::string hoverTitle(double x) const;

    CurveData m_data;
    PlotLink m_link;
    Plot m_lossPlot;
    Plot m_accuracyPlot;
};

} // namespace gradloom::widgets
