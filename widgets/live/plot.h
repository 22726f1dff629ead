#pragma once

#include "widgets/live/imgui_widget.h"
#include "widgets/live/plot_math.h"

#include <functional>
#include <optional>

namespace gradloom::widgets {

/// One curve of a plot; refers to the data, which outlives the call.
struct PlotLine
{
    enum class Kind {
        Raw,    ///< every value, thin and pale: noise is seen, not read
        Smooth, ///< one value a pixel column
        Points  ///< few values: a line with dots
    };
    std::string name; ///< in the legend and beside the crosshair; empty: neither
    QColor color;
    Kind kind = Kind::Smooth;
    std::span<const double> x;
    std::span<const double> y;
};

/// What a plot shows.
struct PlotSpec
{
    std::string title;
    std::vector<PlotLine> lines;
    Range fitX;
    Range fitY;
    bool logY = false;
    std::function<std::string(double value, double step)> xText;
    std::function<std::string(double value, double step)> yText;
    std::function<std::string(double value)> valueText; ///< beside the crosshair
    std::function<std::string(double x)> hoverTitle;
    std::optional<double> now; ///< a dotted line where the run is
    bool wholeX = false;       ///< no ticks between whole numbers
};

/// What several plots share: the part of the x axis on show and the crosshair.
struct PlotLink
{
    std::optional<Range> x; ///< unset: everything, growing with the run
    std::optional<double> hover;
};

/// A plot in a card with axes, grid, legend and crosshair. Wheel: zoom at the pointer (with Shift or over the
/// axis: upright); drag: move; double click: everything again. `interact` of all plots comes before `draw`,
/// so that linked plots never lag a frame behind.
class Plot
{
public:
    void interact(const LiveFrame& frame, const QRectF& card, const PlotSpec& spec, PlotLink& link);
    void draw(LiveFrame& frame, const QRectF& card, const PlotSpec& spec, const PlotLink& link);

    /// Where the curves are, from the last frame.
    QRectF area() const { return m_area; }
    Range shownX() const { return m_x; }
    Range shownY() const { return m_y; }
    /// The crosshair's text of the last frame; empty without one.
    const std::string& hoverText() const { return m_hoverText; }
    void fit() { m_zoomY.reset(); }

private:
    void updateRanges(const PlotSpec& spec, const PlotLink& link);
    double toScale(double y) const;
    double fromScale(double y) const;
    QPointF toScreen(double x, double y) const;
    void zoomX(PlotLink& link, const PlotSpec& spec, double at, double factor);
    void zoomY(const PlotSpec& spec, double at, double factor);
    void pan(PlotLink& link, QPointF by);
    void drawAxes(LiveFrame& frame, const PlotSpec& spec);
    void drawLegend(LiveFrame& frame, const QRectF& card, const PlotSpec& spec);
    void drawLine(LiveFrame& frame, const PlotLine& line);
    void drawRaw(LiveFrame& frame, const PlotLine& line, const std::vector<PlotColumn>& columns);
    void drawHover(LiveFrame& frame, const PlotSpec& spec, double at);

    QRectF m_area;
    Range m_x;
    Range m_y;
    bool m_log = false;
    bool m_dragging = false;
    std::optional<Range> m_zoomY;
    std::string m_hoverText;
};

} // namespace gradloom::widgets
