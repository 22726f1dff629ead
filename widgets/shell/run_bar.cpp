#include "widgets/shell/run_bar.h"

#include "widgets/theme/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QToolButton>

#include <cmath>

namespace gradloom::widgets {

namespace {

QToolButton* iconButton(const QString& name, const QString& tip)
{
    auto* button = new QToolButton;
    button->setObjectName(name);
    button->setAccessibleName(tip);
    button->setToolTip(tip);
    button->setFocusPolicy(Qt::TabFocus);
    return button;
}

} // namespace

RunBar::RunBar(QWidget* parent)
    : QWidget(parent), m_train(new QPushButton(tr("Train"))), m_running(new QWidget),
      m_progress(new QProgressBar), m_text(new QLabel), m_pause(iconButton("pause", tr("Pause"))),
      m_step(iconButton("step", tr("One step"))), m_stop(iconButton("stop", tr("Stop")))
{
    m_train->setObjectName("train");
    m_train->setProperty("look", "primary");
    m_train->setAccessibleName(tr("Train"));
    m_progress->setTextVisible(false);
    m_progress->setRange(0, 10000);
    m_progress->setFixedWidth(150);
    m_progress->setAccessibleName(tr("Progress of the training"));
    m_text->setProperty("look", "dim");
    m_text->setObjectName("progressText");

    auto* running = new QHBoxLayout(m_running);
    running->setContentsMargins(0, 0, 0, 0);
    running->setSpacing(10);
    for (QWidget* part : std::initializer_list<QWidget*>{m_progress, m_text, m_pause, m_step, m_stop})
        running->addWidget(part);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_train);
    layout->addWidget(m_running);

    connect(m_train, &QPushButton::clicked, this, &RunBar::trainRequested);
    connect(m_pause, &QToolButton::clicked, this, [this] {
        if (m_state == State::Paused)
            Q_EMIT resumeRequested();
        else
            Q_EMIT pauseRequested();
    });
    connect(m_step, &QToolButton::clicked, this, &RunBar::stepRequested);
    connect(m_stop, &QToolButton::clicked, this, &RunBar::stopRequested);
    connect(&theme(), &Theme::changed, this, &RunBar::refreshIcons);
    setState(State::Idle);
}

void RunBar::setState(State state)
{
    m_state = state;
    m_train->setVisible(state == State::Idle);
    m_running->setVisible(state != State::Idle);
    const QString tip = state == State::Paused ? tr("Go on") : tr("Pause");
    m_pause->setToolTip(tip);
    m_pause->setAccessibleName(tip);
    refreshIcons();
}

void RunBar::setProgress(double share, const QString& text)
{
    m_progress->setValue(static_cast<int>(std::lround(share * 10000)));
    m_text->setText(text);
}

void RunBar::setReady(bool ready, const QString& reason)
{
    m_train->setEnabled(ready);
    m_train->setToolTip(ready ? tr("Train the network (Ctrl+R)") : reason);
}

void RunBar::refreshIcons()
{
    QIcon play = themedIcon("play", Role::SuccessText);
    m_train->setIcon(play);
    m_pause->setIcon(themedIcon(m_state == State::Paused ? "play" : "pause"));
    m_step->setIcon(themedIcon("step"));
    m_stop->setIcon(themedIcon("stop"));
}

QString durationText(double seconds)
{
    const auto whole = static_cast<qint64>(std::max(0.0, std::round(seconds)));
    const QLatin1Char zero('0');
    if (whole >= 3600)
        return QStringLiteral("%1:%2:%3")
            .arg(whole / 3600)
            .arg(whole / 60 % 60, 2, 10, zero)
            .arg(whole % 60, 2, 10, zero);
    return QStringLiteral("%1:%2").arg(whole / 60).arg(whole % 60, 2, 10, zero);
}

} // namespace gradloom::widgets
