#pragma once

#include "widgets/live/gl_live_view.h"
#include "widgets/live/plot.h"

namespace gradloom::widgets {

/// Gradient norms of all layers over the run, and the weights of every layer as a histogram.
class GradientsView : public GlLiveView
{
    Q_OBJECT

public:
    explicit GradientsView(LiveContext& context);

    const Plot& plot() const { return m_plot; }

protected:
    void paint(LiveFrame& frame) override;

private:
    struct Series
    {
        std::vector<double> x;
        std::vector<double> y;
    };
    void update();
    PlotSpec spec() const;
    void drawHistograms(LiveFrame& frame, const QRectF& area);

    std::map<std::string, Series> m_series;
    uint64_t m_run = 0;
    double m_scroll = 0;
    PlotLink m_link;
    Plot m_plot;
};

} // namespace gradloom::widgets
