#pragma once

#include "app/cli/common.h"
#include "engine/train/train_session.h"

#include <functional>

namespace gradloom::cli {

/// Shows on stderr how far something is, "case 3/20", on one line that is refreshed, and cleared when all is done;
/// nothing where stderr is no terminal or with --quiet.
std::function<void(int64_t done, int64_t total)> countProgress(const CommonOptions& options, std::string what);

/// Shows on stderr how a training goes: one line that is refreshed where stderr is a terminal, and one line
/// an epoch.
class TrainProgress
{
public:
    TrainProgress(int64_t epochs, int64_t batch, bool quiet);
    /// Takes what came since the last call and shows it. To be called some times a second, and once at the
    /// end.
    void update(train::TrainSession& session);
    /// Clears the refreshed line.
    void finish();

private:
    void showEpoch(const train::EpochMetrics& epoch);
    void showLine(const train::TrainSession& session);

    int64_t m_epochs;
    int64_t m_batch;
    bool m_quiet;
    bool m_terminal;
    bool m_shown = false;
    std::vector<train::StepMetrics> m_steps;
    std::vector<train::EpochMetrics> m_finished;
    // Means over the epoch in progress.
    train::StepMetrics m_last;
    double m_loss = 0;
    double m_accuracy = 0;
    int64_t m_count = 0;
};

} // namespace gradloom::cli
