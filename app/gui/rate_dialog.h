#pragma once

#include "app/gui/rate_chart.h"
#include "engine/project/project.h"

#include <QDialog>

#include <thread>

class QLabel;
class QProgressBar;
class QPushButton;

namespace gradloom::gui {

/// Tries learning rates on a copy of the project and offers the best one. Closing it ends the search.
class RateDialog : public QDialog
{
    Q_OBJECT
public:
    struct Setting
    {
        project::Project project;
        std::filesystem::path folder; ///< relative data folders count from here
        std::string device;
    };
    RateDialog(Setting setting, QWidget* parent);
    ~RateDialog() override;

    /// What is to be used, rounded to two digits; after it was accepted.
    double rate() const;

private:
    void search(const std::stop_token& token, const Setting& setting);
    void showProgress(int done, int total);
    void showResult(const Result<train::RateSearch>& result);
    void showChosen();

    RateChart* m_chart;
    QProgressBar* m_progress;
    QLabel* m_text;
    QPushButton* m_use;
    std::jthread m_thread; ///< last member: ends before what it uses
};

} // namespace gradloom::gui
