#include "app/cli/progress.h"

#include "app/cli/text_table.h"

#include <unistd.h>

#include <cmath>
#include <iostream>

namespace gradloom::cli {

namespace {

constexpr const char* clearLine = "\r\033[K";

} // namespace

std::function<void(int64_t done, int64_t total)> countProgress(const CommonOptions& options, std::string what)
{
    if (options.quiet || isatty(STDERR_FILENO) == 0)
        return [](int64_t, int64_t) {};
    return [what = std::move(what)](int64_t done, int64_t total) {
        std::cerr << clearLine;
        if (done < total)
            std::cerr << what << ' ' << done << '/' << total;
        std::cerr << std::flush;
    };
}

TrainProgress::TrainProgress(int64_t epochs, int64_t batch, bool quiet)
    : m_epochs(epochs), m_batch(batch), m_quiet(quiet), m_terminal(isatty(STDERR_FILENO) != 0)
{
}

void TrainProgress::update(train::TrainSession& session)
{
    m_steps.clear();
    m_finished.clear();
    session.pollSteps(m_steps);
    session.pollEpochs(m_finished);
    for (const auto& step : m_steps) {
        if (step.epoch != m_last.epoch) {
            m_loss = m_accuracy = 0;
            m_count = 0;
        }
        m_last = step;
        m_loss += step.loss;
        m_accuracy += step.accuracy;
        ++m_count;
    }
    if (m_quiet)
        return;
    for (const auto& epoch : m_finished)
        showEpoch(epoch);
    if (m_terminal && m_count > 0)
        showLine(session);
}

void TrainProgress::finish()
{
    if (m_shown)
        std::cerr << clearLine << std::flush;
    m_shown = false;
}

void TrainProgress::showEpoch(const train::EpochMetrics& epoch)
{
    finish();
    std::string line = "epoch " + std::to_string(epoch.epoch + 1) + "/" + std::to_string(m_epochs) +
                       "  loss " + decimals(epoch.trainLoss, 4);
    if (!std::isnan(epoch.trainAccuracy))
        line += "  accuracy " + percent(epoch.trainAccuracy);
    if (!std::isnan(epoch.validationLoss))
        line += "  validation loss " + decimals(epoch.validationLoss, 4);
    if (!std::isnan(epoch.validationAccuracy))
        line += "  accuracy " + percent(epoch.validationAccuracy);
    line += "  " + grouped(std::llround(epoch.samplesPerSecond)) + " samples/s";
    std::cerr << line << (epoch.best ? "  best so far" : "") << std::endl;
}

void TrainProgress::showLine(const train::TrainSession& session)
{
    const int64_t perEpoch = session.stepsPerEpoch();
    const double rate = session.samplesPerSecond();
    const double left = rate > 0 ? static_cast<double>(session.totalSteps() - m_last.step) *
                                       static_cast<double>(m_batch) / rate
                                 : 0.0;
    const auto count = static_cast<double>(m_count);
    std::string line = "epoch " + std::to_string(m_last.epoch + 1) + "/" + std::to_string(m_epochs) +
                       "  batch " + std::to_string((m_last.step - 1) % perEpoch + 1) + "/" +
                       std::to_string(perEpoch) + "  loss " + decimals(m_loss / count, 4);
    if (!std::isnan(m_accuracy))
        line += "  accuracy " + percent(m_accuracy / count);
    line += "  " + grouped(std::llround(rate)) + " samples/s  time left " + clock(left);
    std::cerr << clearLine << line << std::flush;
    m_shown = true;
}

} // namespace gradloom::cli
