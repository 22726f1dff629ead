#include "widgets/live/curve_data.h"

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

void add(CurveData::Series& series, double value)
{
    series.raw.push_back(value);
    series.filled = series.filled || std::isfinite(value);
}

void addValidation(CurveData::Series& series, double value)
{
    series.validation.push_back(value);
    series.validationFilled = series.validationFilled || std::isfinite(value);
}

/// Smallest positive value, for the lower end of a logarithmic axis.
double lowest(const CurveData::Series& series)
{
    double low = 1e300;
    for (const auto* values : {&series.smooth.values(), &series.validation})
        for (double value : *values)
            if (value > 0 && value < low)
                low = value;
    return low < 1e300 ? low : 1e-3;
}

} // namespace

void CurveData::reset(const LiveContext& context)
{
    m_smoothing = context.smoothing;
    m_run = context.history.run();
    m_stepsPerEpoch = context.history.stepsPerEpoch();
    m_axis = context.xAxis == XAxis::Epoch && m_stepsPerEpoch <= 0 ? XAxis::Step : context.xAxis;
    m_x.clear();
    m_validationX.clear();
    m_epochs = 0;
    for (Series* series : {&m_loss, &m_accuracy, &m_generatorLoss}) {
        *series = Series();
        series->smooth = SmoothCurve(m_smoothing);
    }
}

double CurveData::place(const RunHistory& history, const train::StepMetrics& step) const
{
    switch (m_axis) {
    case XAxis::Epoch:
        return static_cast<double>(step.step) / static_cast<double>(history.stepsPerEpoch());
    case XAxis::Time:
        return step.seconds;
    case XAxis::Step:
        break;
    }
    return static_cast<double>(step.step);
}

void CurveData::update(const LiveContext& context)
{
    const RunHistory& history = context.history;
    const XAxis axis =
        context.xAxis == XAxis::Epoch && history.stepsPerEpoch() <= 0 ? XAxis::Step : context.xAxis;
    if (m_run != history.run() || m_smoothing != context.smoothing || m_axis != axis ||
        m_stepsPerEpoch != history.stepsPerEpoch())
        reset(context);
    const auto& steps = history.steps();
    for (size_t i = m_x.size(); i < steps.size(); ++i) {
        m_x.push_back(place(history, steps[i]));
        add(m_loss, steps[i].loss);
        add(m_accuracy, steps[i].accuracy);
        add(m_generatorLoss, steps[i].generatorLoss);
    }
    m_loss.smooth.extend(m_loss.raw);
    m_accuracy.smooth.extend(m_accuracy.raw);
    m_generatorLoss.smooth.extend(m_generatorLoss.raw);
    addEpochs(history);
}

void CurveData::addEpochs(const RunHistory& history)
{
    const auto& epochs = history.epochs();
    const auto& steps = history.steps();
    for (; m_epochs < epochs.size(); ++m_epochs) {
        const train::EpochMetrics& epoch = epochs[m_epochs];
        // Validation belongs to the end of its epoch: its last step.
        const auto after = std::upper_bound(steps.begin(), steps.end(), epoch.epoch,
            [](int32_t number, const train::StepMetrics& step) { return number < step.epoch; });
        double x = 0;
        if (after != steps.begin())
            x = m_x[static_cast<size_t>(after - steps.begin()) - 1];
        else if (m_axis != XAxis::Time && history.stepsPerEpoch() > 0)
            x = (epoch.epoch + 1.0) *
                (m_axis == XAxis::Step ? static_cast<double>(history.stepsPerEpoch()) : 1.0);
        else
            continue; // of an earlier session: its place on the time axis is not known
        m_validationX.push_back(x);
        addValidation(m_loss, epoch.validationLoss);
        addValidation(m_accuracy, epoch.validationAccuracy);
    }
}

Range CurveData::wholeX(const RunHistory& history) const
{
    const double last = m_x.empty() ? 0 : m_x.back();
    const auto total = static_cast<double>(history.totalSteps());
    switch (m_axis) {
    case XAxis::Epoch:
        return {0, std::max({last, total / static_cast<double>(history.stepsPerEpoch()), 1e-3})};
    case XAxis::Step:
        return {0, std::max({last, total, 1.0})};
    case XAxis::Time:
        break;
    }
    const double left = history.active() ? history.secondsLeft().value_or(0) : 0;
    return {0, left > 0 ? niceCeiling(last + left) : std::max(last, 1.0)};
}

Range CurveData::wholeLoss(bool logarithmic) const
{
    // The first steps of a run are often far above the rest; without them the curve fills the plot.
    double high = quantile(m_loss.raw, 0.985);
    double bottom = quantile(m_loss.raw, 0.01);
    if (m_generatorLoss.filled) {
        high = std::max(high, quantile(m_generatorLoss.raw, 0.985));
        bottom = std::min(bottom, quantile(m_generatorLoss.raw, 0.01));
    }
    for (double value : m_loss.validation)
        if (std::isfinite(value))
            high = std::max(high, value);
    if (logarithmic)
        return {lowest(m_loss) * 0.8, std::max(quantile(m_loss.raw, 1), 1e-9) * 1.1};
    const double low = std::min(0.0, bottom);
    return {low < 0 ? -niceCeiling(-low) : 0, niceCeiling(high)};
}

Range CurveData::wholeAccuracy(bool logarithmic) const
{
    return {logarithmic ? std::max(0.01, std::min(0.5, lowest(m_accuracy) * 0.8)) : 0, 1};
}

const train::StepMetrics* CurveData::stepAt(const RunHistory& history, double x) const
{
    const size_t index = nearest(m_x, x);
    return index < history.steps().size() ? &history.steps()[index] : nullptr;
}

} // namespace gradloom::widgets
