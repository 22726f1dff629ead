#include "widgets/live/views/curves.h"

#include "widgets/live/layers_now.h"
#include "widgets/live/live_text.h"

namespace gradloom::widgets {

namespace {

constexpr double gap = 8;

void addLines(PlotSpec& spec, const CurveData& data, const CurveData::Series& series, const QColor& color,
    const QColor& validation)
{
    // In a GAN's game the loss is the discriminator's.
    const bool game = data.generatorLoss().filled && &series == &data.loss();
    spec.lines.push_back({{}, color, PlotLine::Kind::Raw, data.x(), series.raw});
    spec.lines.push_back({(game ? CurvesView::tr("discriminator") : CurvesView::tr("train")).toStdString(), color,
        PlotLine::Kind::Smooth, data.x(), series.smooth.values()});
    if (game)
        spec.lines.push_back({CurvesView::tr("generator").toStdString(), validation, PlotLine::Kind::Smooth, data.x(),
            data.generatorLoss().smooth.values()});
    if (series.validationFilled)
        spec.lines.push_back({CurvesView::tr("validation").toStdString(), validation, PlotLine::Kind::Points,
            data.validationX(), series.validation});
}

} // namespace

CurvesView::CurvesView(LiveContext& context)
    : GlLiveView(context, tr("Curves"),
          tr("Loss and accuracy over the run. The wheel zooms, dragging moves, a double click shows "
             "everything."))
{
}

std::string CurvesView::hoverTitle(double x) const
{
    const train::StepMetrics* step = m_data.stepAt(m_context.history, x);
    if (!step)
        return {};
    QString title = tr("step %1").arg(QString::fromStdString(countText(static_cast<double>(step->step))));
    if (m_context.history.stepsPerEpoch() > 0)
        title =
            tr("epoch %1 · %2")
                .arg(static_cast<double>(step->step) / static_cast<double>(m_context.history.stepsPerEpoch()),
                    0, 'f', 2)
                .arg(title);
    return (title + QStringLiteral(" · ") + QString::fromStdString(durationText(step->seconds)))
        .toStdString();
}

PlotSpec CurvesView::commonSpec() const
{
    PlotSpec spec;
    spec.fitX = m_data.wholeX(m_context.history);
    spec.logY = m_context.logY;
    spec.xText = tickText;
    if (m_data.axis() == XAxis::Time)
        spec.xText = [](double seconds, double) { return durationText(seconds); };
    spec.wholeX = m_data.axis() == XAxis::Step;
    spec.hoverTitle = [this](double x) { return hoverTitle(x); };
    if (!m_data.x().empty())
        spec.now = m_data.x().back();
    return spec;
}

PlotSpec CurvesView::lossSpec(const LiveColors& colors) const
{
    PlotSpec spec = commonSpec();
    spec.title = tr("Loss").toStdString();
    spec.fitY = m_data.wholeLoss(spec.logY);
    spec.yText = tickText;
    spec.valueText = lossText;
    addLines(spec, m_data, m_data.loss(), colors.loss, colors.validation);
    return spec;
}

PlotSpec CurvesView::accuracySpec(const LiveColors& colors) const
{
    PlotSpec spec = commonSpec();
    spec.title = tr("Accuracy").toStdString();
    spec.fitY = m_data.wholeAccuracy(spec.logY);
    spec.yText = [](double value, double step) { return tickText(value * 100, step * 100) + "%"; };
    spec.valueText = [](double value) { return percentText(value, 2); };
    addLines(spec, m_data, m_data.accuracy(), colors.accuracy, colors.validation);
    return spec;
}

void CurvesView::paint(LiveFrame& frame)
{
    m_data.update(m_context);
    const QRectF whole = QRectF(QPointF(0, 0), frame.size).adjusted(gap, gap, -gap, -2);
    if (m_data.x().empty()) {
        paintNotice(frame, whole,
            m_context.history.active()
                ? tr("Preparing: the curves begin with the first step.")
                : tr("Nothing trained yet. Press Train, and loss and accuracy grow here."));
        return;
    }
    const bool layers = whole.width() > 900;
    const bool accuracy = m_data.accuracy().filled;
    const double side = layers ? std::min(440.0, whole.width() * 0.29) : 0;
    const double plots = whole.width() - (layers ? side + gap : 0);
    const double each = accuracy ? (plots - gap) / 2 : plots;
    const QRectF left(whole.left(), whole.top(), each, whole.height());
    const QRectF right = left.translated(each + gap, 0);
    const PlotSpec lossSpecNow = lossSpec(frame.colors);
    const PlotSpec accuracySpecNow = accuracySpec(frame.colors);

    m_link.hover.reset();
    m_lossPlot.interact(frame, left, lossSpecNow, m_link);
    if (accuracy)
        m_accuracyPlot.interact(frame, right, accuracySpecNow, m_link);
    if (frame.pointer.doubleClicked && !m_link.x) { // everything again means both plots
        m_lossPlot.fit();
        m_accuracyPlot.fit();
    }
    m_lossPlot.draw(frame, left, lossSpecNow, m_link);
    if (accuracy)
        m_accuracyPlot.draw(frame, right, accuracySpecNow, m_link);
    if (layers)
        drawLayersNow(frame, {whole.right() - side, whole.top(), side, whole.height()}, m_context);
}

LiveViewType curves()
{
    LiveViewType type;
    type.id = "curves";
    type.title = QT_TRANSLATE_NOOP("LiveView", "Curves");
    type.order = 10;
    type.plot = true;
    type.create = [](LiveContext& context) { return std::make_unique<CurvesView>(context); };
    return type;
}

} // namespace gradloom::widgets
