#pragma once

#include <QWidget>

class QLabel;
class QProgressBar;
class QPushButton;
class QToolButton;

namespace gradloom::widgets {

/// Train button; during a run the progress with pause, step and stop. It only shows and reports: whoever owns
/// the training session answers the signals and calls the setters.
class RunBar : public QWidget
{
    Q_OBJECT
public:
    enum class State { Idle, Running, Paused };

    explicit RunBar(QWidget* parent = nullptr);
    State state() const { return m_state; }
    void setState(State state);
    /// `share` of the whole run, 0..1; `text` such as "epoch 5/8 · 0:41 left".
    void setProgress(double share, const QString& text);
    /// Whether a run can be started; `reason` tells why not.
    void setReady(bool ready, const QString& reason = {});

Q_SIGNALS:
    void trainRequested();
    void pauseRequested();
    void resumeRequested();
    void stepRequested();
    void stopRequested();

private:
    void refreshIcons();

    State m_state = State::Idle;
    QPushButton* m_train;
    QWidget* m_running;
    QProgressBar* m_progress;
    QLabel* m_text;
    QToolButton* m_pause;
    QToolButton* m_step;
    QToolButton* m_stop;
};

/// "0:41", "12:05", "1:02:30" for seconds.
QString durationText(double seconds);

} // namespace gradloom::widgets
