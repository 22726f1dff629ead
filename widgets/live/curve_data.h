#pragma once

#include "widgets/live/live_view.h"
#include "widgets/live/plot_math.h"

namespace gradloom::widgets {

/// Values over the run as a plot wants them. Extended as steps arrive; built anew only where axis, smoothing
/// or run change, so a long run costs no more per frame than a short one.
class CurveData
{
public:
    struct Series
    {
        std::vector<double> raw;
        std::vector<double> validation;
        SmoothCurve smooth;
        bool filled = false;           ///< any finite value of training
        bool validationFilled = false; ///< any finite value of validation
    };

    void update(const LiveContext& context);

    const std::vector<double>& x() const { return m_x; }
    const std::vector<double>& validationX() const { return m_validationX; }
    const Series& loss() const { return m_loss; }
    const Series& accuracy() const { return m_accuracy; }
    const Series& generatorLoss() const { return m_generatorLoss; } ///< filled for a GAN
    /// The axis that is really used: steps where the length of an epoch is not known yet.
    XAxis axis() const { return m_axis; }
    /// Everything, with the part of the run still to come.
    Range wholeX(const RunHistory& history) const;
    Range wholeLoss(bool logarithmic) const;
    Range wholeAccuracy(bool logarithmic) const;
    /// Step nearest to a place on the axis, or nullptr.
    const train::StepMetrics* stepAt(const RunHistory& history, double x) const;

private:
    void reset(const LiveContext& context);
    double place(const RunHistory& history, const train::StepMetrics& step) const;
    void addEpochs(const RunHistory& history);

    std::vector<double> m_x;
    std::vector<double> m_validationX;
    Series m_loss;
    Series m_accuracy;
    Series m_generatorLoss;
    XAxis m_axis = XAxis::Step;
    double m_smoothing = -1;
    uint64_t m_run = 0;
    int64_t m_stepsPerEpoch = 0;
    size_t m_epochs = 0;
};

} // namespace gradloom::widgets
