#include "app/gui/rate_dialog.h"

#include "widgets/live/live_text.h"

#include <QDialogButtonBox>
#include <QLabel>
#include <QPointer>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include <cmath>

namespace gradloom::gui {

namespace {

/// Two digits: no more can be read off a loss that jumps from batch to batch.
double twoDigits(double rate)
{
    const double unit = std::pow(10.0, std::floor(std::log10(rate)) - 1);
    return std::round(rate / unit) * unit;
}

} // namespace

RateDialog::RateDialog(Setting setting, QWidget* parent)
    : QDialog(parent), m_chart(new RateChart), m_progress(new QProgressBar), m_text(new QLabel)
{
    setWindowTitle(tr("Find learning rate"));
    auto* layout = new QVBoxLayout(this);
    layout->setSpacing(10);
    layout->addWidget(m_chart, 1);
    layout->addWidget(m_progress);
    m_text->setWordWrap(true);
    m_text->setText(tr("A copy of the network is trained while its learning rate grows from step to step."));
    layout->addWidget(m_text);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    m_use = buttons->addButton(tr("Use"), QDialogButtonBox::AcceptRole);
    m_use->setObjectName(QStringLiteral("useRate"));
    m_use->setEnabled(false);
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_chart, &RateChart::rateChosen, this, &RateDialog::showChosen);
    m_thread = std::jthread(
        [this, setting = std::move(setting)](const std::stop_token& token) { search(token, setting); });
}

RateDialog::~RateDialog() = default;

double RateDialog::rate() const
{
    return twoDigits(m_chart->chosen().value_or(0.001));
}

void RateDialog::search(const std::stop_token& token, const Setting& setting)
{
    // What is posted to the dialog is dropped by Qt when the dialog is gone.
    const auto post = [this](auto action) {
        QMetaObject::invokeMethod(this, std::move(action), Qt::QueuedConnection);
    };
    Result<train::RateSearch> result = Error{ErrorCode::Internal, "The search has no result.", {}};
    try {
        data::SourceContext context;
        context.projectFolder = setting.folder;
        auto data = train::loadRunData(setting.project, context);
        if (!data) {
            result = data.error();
        } else {
            train::RateSearchOptions options;
            options.device = setting.device;
            options.cancelled = [&] { return token.stop_requested(); };
            options.progress = [&](int64_t done, int64_t total) {
                post([this, done, total] { showProgress(static_cast<int>(done), static_cast<int>(total)); });
            };
            result = train::searchLearningRate(setting.project, *data, options);
        }
    } catch (const std::exception& exception) {
        result = Error{ErrorCode::Internal, std::string("The search failed: ") + exception.what() + ".", {}};
    }
    if (!token.stop_requested())
        post([this, result] { showResult(result); });
}

void RateDialog::showProgress(int done, int total)
{
    m_progress->setRange(0, total);
    m_progress->setValue(done);
}

void RateDialog::showResult(const Result<train::RateSearch>& result)
{
    m_progress->hide();
    if (!result) {
        m_text->setText(QString::fromStdString(result.error().message));
        return;
    }
    m_chart->setSearch(*result);
    if (!result->suggestion) {
        m_text->setText(
            tr("The loss does not fall at any of these rates; look at the data and the drawing."));
        return;
    }
    m_use->setEnabled(true);
    m_use->setDefault(true);
    m_chart->setFocus();
    showChosen();
}

void RateDialog::showChosen()
{
    const auto chosen = QString::fromStdString(widgets::rateText(rate()));
    m_use->setText(tr("Use %1").arg(chosen));
    m_text->setText(
        tr("The line marks where the loss falls fastest; click for another rate. Right of the lowest "
           "point training would leave the road."));
}

} // namespace gradloom::gui
