#pragma once

#include "widgets/explain/explain_worker.h"

#include <QWidget>

class QLabel;
class QPushButton;
class QStackedWidget;

namespace gradloom::widgets {

class AnswerPanel;
class SamplePanel;
class ScorePanel;

/// The Explain page: test pictures, why the network decides, and how good it is. It computes nothing while it
/// is hidden; what it was given meanwhile is taken up when it is shown.
class ExplainPage : public QWidget
{
    Q_OBJECT

public:
    explicit ExplainPage(QWidget* parent = nullptr);
    ~ExplainPage() override;

    /// The drawing the weights belong to: the one that was trained, not the one being edited.
    void setProject(const project::Project& project);
    /// Id of the device that computes, as in backend::devices().
    void setDevice(const std::string& id);
    /// Loaded data with its test part; nullptr where there is none.
    void setData(std::shared_ptr<const train::RunData> data);
    /// For example TrainSession::latestWeights(). nullptr or none: back to the empty state.
    void setWeights(std::shared_ptr<const train::Weights> weights);
    /// Weights from a .safetensors file.
    void loadWeights(const QString& path);
    /// Explains a picture file.
    void openPicture(const QString& path);
    /// Selects a test picture.
    void select(qint64 position);

Q_SIGNALS:
    /// The button of the empty state.
    void trainRequested();
    /// A sentence for the status bar: "Explained in 14 ms on CPU".
    void statusChanged(const QString& text);
    /// An answer is on show. For tests and for the status bar.
    void explained(double seconds);

protected:
    void showEvent(QShowEvent* event) override;

private:
    QWidget* buildEmpty();
    void showEmpty(const QString& text, bool bad);
    void updateModel();
    void modelReady(const QString& device);
    void showPicked(qint64 position);
    void showOwn();
    void ask();
    void chooseWeights();
    /// What the network's prediction means; nullptr where nothing is known of it.
    const data::Target* target() const;
    QStringList classNames() const;
    void showTarget();

    project::Project m_project;
    std::shared_ptr<const train::RunData> m_data;
    std::shared_ptr<const train::Weights> m_weights;
    bool m_stale = false; ///< project, data or weights changed since the worker got them
    bool m_ready = false;
    std::string m_deviceId = "cpu";
    QString m_device; ///< its name
    qint64 m_position = -1; ///< of the picture on show; -1: none or one's own
    Tensor m_own;           ///< as stored; empty: none
    QString m_ownName;
    Tensor m_current; ///< the sample on show, as stored
    uint64_t m_serial = 0;

    SamplePanel* m_samples = nullptr;
    QStackedWidget* m_stack = nullptr;
    AnswerPanel* m_answer = nullptr;
    ScorePanel* m_scores = nullptr;
    QLabel* m_emptyText = nullptr;
    QPushButton* m_trainButton = nullptr;
    QPushButton* m_loadButton = nullptr;
    ExplainWorker* m_worker = nullptr;
};

} // namespace gradloom::widgets
