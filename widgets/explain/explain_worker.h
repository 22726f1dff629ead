#pragma once

#include "engine/explain/method_type.h"
#include "engine/train/evaluate.h"
#include "engine/train/run_data.h"
#include "engine/train/train_session.h"

#include <QObject>
#include <QString>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace gradloom::widgets {

/// A network with its weights and the data it is judged on.
struct ExplainModel
{
    graph::Graph graph;
    std::shared_ptr<const train::Weights> weights;
    std::shared_ptr<const train::RunData> data;
    uint64_t seed = 1;
    std::string device = "cpu"; ///< as in backend::devices()
    backend::DeviceOptions deviceOptions;
};

struct ExplainRequest
{
    uint64_t serial = 0;
    Tensor sample; ///< preprocessed
    std::string method;
    std::string layer;
    int classIndex = -1;
};

struct ExplainReply
{
    uint64_t serial = 0;
    explain::Answer answer;
    Tensor made; ///< what an autoencoder makes of the picture (U8, its shape); then there are no probabilities
    std::vector<train::Activation> activations; ///< of the nodes with feature maps, in order
    QString problem; ///< set where the method could not answer; probabilities may be there nevertheless
    double seconds = 0;
};

/// Distance of predicted numbers from the true ones, in their own unit.
struct NumberScores
{
    double meanAbsolute = 0;
    double rootMeanSquare = 0;
};

/// What the network says to every test sample: classes, or how far its numbers are off, or nothing that can
/// be judged (tokens, copied pictures).
struct TestResult
{
    std::vector<int32_t> predicted;
    std::vector<float> confidence; ///< probability of the predicted class
    train::Evaluation scores;      ///< empty without classes
    std::optional<NumberScores> numbers;
};

/// Explains and evaluates on a thread of its own, so that the window never waits. The newest request wins:
/// what was asked before and not begun is dropped. An evaluation goes on in slices between requests. All
/// methods and signals are for the GUI thread.
class ExplainWorker : public QObject
{
    Q_OBJECT

public:
    explicit ExplainWorker(QObject* parent = nullptr);
    ~ExplainWorker() override;

    /// Replaces the model; ready or failed follows, then tested.
    void setModel(ExplainModel model);
    void ask(ExplainRequest request);

Q_SIGNALS:
    void ready(const QString& device);
    void failed(const QString& problem);
    void answered(std::shared_ptr<const gradloom::widgets::ExplainReply> reply);
    void testing(qint64 done, qint64 total);
    void tested(std::shared_ptr<const gradloom::widgets::TestResult> result);

private:
    void run(std::stop_token token);
    /// Sends to the GUI thread; nothing arrives after the destructor.
    template <typename Function>
    void post(Function function);

    std::mutex m_mutex;
    std::condition_variable_any m_wake;
    std::optional<ExplainModel> m_model;
    std::optional<ExplainRequest> m_request;
    uint64_t m_generation = 0; ///< GUI thread: of the model whose answers still count
    std::jthread m_thread;     ///< last: ends before what it uses
};

} // namespace gradloom::widgets
