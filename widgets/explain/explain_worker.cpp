#include "widgets/explain/explain_worker.h"

#include "engine/graph/expand.h"
#include "engine/data/restore.h"
#include "engine/layers/layer_type.h"
#include "engine/train/step_program.h"

#include <QMetaObject>

#include <array>
#include <chrono>

namespace gradloom::widgets {

namespace {

constexpr int64_t testBatch = 64; ///< small enough that a click waits for some milliseconds only

QString text(const std::string& string)
{
    return QString::fromStdString(string);
}

/// Everything the thread keeps between two requests.
struct State
{
    std::shared_ptr<backend::Backend> device;
    std::string deviceId; ///< how it was opened
    backend::DeviceOptions deviceOptions;
    std::unique_ptr<train::Model> model;
    std::shared_ptr<const train::RunData> data;
    std::vector<std::string> layers; ///< nodes whose feature maps are shown

    // The evaluation in progress.
    std::unique_ptr<data::Batch> batch;
    data::DataPart part;
    int64_t next = 0;
    TestResult result;
    int target = -1; ///< what the prediction means, among the data set's targets
    double absoluteSum = 0;
    double squareSum = 0;
    int64_t numbers = 0;

    bool testing() const { return batch != nullptr; }
};

/// The convolutions; where there are none, all nodes with feature maps.
std::vector<std::string> shownLayers(const graph::Graph& graph, const layers::TargetTypes& labels)
{
    const std::vector<std::string> all = explain::convolutionalNodes(graph, labels);
    std::vector<std::string> convolutions;
    for (const std::string& id : all) {
        const graph::Node* node = graph.find(graph::originOf(graph, id).node);
        const layers::LayerType* type = node ? layers::layerTypes().find(node->type) : nullptr;
        if (type && type->category == "convolution")
            convolutions.push_back(id);
    }
    return convolutions.empty() ? all : convolutions;
}

Status build(const ExplainModel& wanted, State& state)
{
    state.model.reset();
    state.batch.reset();
    const bool same = state.deviceId == wanted.device && state.deviceOptions == wanted.deviceOptions;
    if (!state.device || !same) {
        state.device.reset(); // two at a time would take twice the memory
        auto device = backend::open(wanted.device, wanted.deviceOptions);
        if (!device)
            return device.error();
        state.device = std::move(*device);
        state.deviceId = wanted.device;
        state.deviceOptions = wanted.deviceOptions;
    }
    const layers::TargetTypes labels = wanted.data->labels();
    auto model = train::Model::create(wanted.graph, labels, state.device, wanted.seed);
    if (!model)
        return model.error();
    if (Status status = (*model)->setWeights(*wanted.weights); !status)
        return status;
    state.model = std::move(*model);
    state.data = wanted.data;
    state.layers = shownLayers(wanted.graph, labels);
    state.part = wanted.data->split.test;
    state.next = 0;
    state.result = {};
    state.target = wanted.data->judgedIndex(wanted.graph);
    state.absoluteSum = state.squareSum = 0;
    state.numbers = 0;
    if (!state.part.empty())
        state.batch = std::make_unique<data::Batch>(*state.part.dataset, testBatch);
    return {};
}

/// Feature maps of all layers that have some, and the probabilities where no method gave them.
Status readActivations(State& state, const ExplainRequest& request, ExplainReply& reply)
{
    auto program = state.model->program("explain page", [&] {
        train::ProgramOptions options;
        options.labels = state.model->labels();
        options.watch = state.layers;
        return train::forwardProgram(state.model->graph(), options);
    });
    if (!program)
        return program.error();
    train::LoadedProgram& loaded = **program;
    loaded.write("input", request.sample);
    constexpr std::array<int32_t, 4> noise{}; // always the same, so that the same picture gives the same answer
    loaded.write("random", std::as_bytes(std::span(noise)));
    loaded.run();
    for (const std::string& node : state.layers) {
        const Tensor batch = loaded.read("node:" + node);
        Tensor single(batch.shape().withoutFirst());
        std::copy(batch.floats().begin(), batch.floats().end(), single.floats().begin());
        reply.activations.push_back({node, std::move(single)});
    }
    if (reply.answer.probabilities.empty() && loaded.hasOutput("probabilities")) {
        const Tensor all = loaded.read("probabilities");
        if (all.shape().withoutFirst() == request.sample.shape() && all.shape().rank() == 4) {
            const Tensor made =
                data::restorePictures(state.data->preprocess, state.data->loaded.valueMaximum, all);
            reply.made = Tensor(request.sample.shape(), DType::U8);
            std::copy_n(made.data(), made.bytes(), reply.made.data());
            return {};
        }
        reply.answer.probabilities = Tensor(Shape{all.elements()});
        std::copy(all.floats().begin(), all.floats().end(), reply.answer.probabilities.floats().begin());
        reply.answer.classIndex =
            request.classIndex >= 0 ? request.classIndex : train::predictedClass(all.floats());
    }
    return {};
}

std::shared_ptr<ExplainReply> answer(State& state, const ExplainRequest& request)
{
    const auto begin = std::chrono::steady_clock::now();
    auto reply = std::make_shared<ExplainReply>();
    reply->serial = request.serial;
    const explain::MethodType* method = explain::methodTypes().find(request.method);
    if (method && state.target >= 0) { // an autoencoder or a GAN tells nothing that could be explained so
        explain::Question question;
        question.sample = request.sample;
        question.classIndex = request.classIndex;
        question.layer = method->needsLayer ? request.layer : std::string();
        if (auto params = completeParams(method->parameters, {}, method->title); params.ok())
            question.params = *params;
        auto found = method->explain(*state.model, question);
        if (found)
            reply->answer = std::move(*found);
        else
            reply->problem = text(found.error().message);
    }
    if (Status status = readActivations(state, request, *reply); !status && reply->problem.isEmpty())
        reply->problem = text(status.error().message);
    reply->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return reply;
}

const data::Target* targetOf(const State& state)
{
    return state.target < 0 ? nullptr : &state.data->loaded.targets[static_cast<size_t>(state.target)];
}

void judgeClasses(State& state, const Tensor& said)
{
    const data::Batch& batch = *state.batch;
    const auto columns = static_cast<size_t>(said.elements() / batch.size());
    for (size_t i = 0; i < static_cast<size_t>(batch.count); ++i) {
        const std::span<const float> row = said.floats().subspan(i * columns, columns);
        const int32_t best = train::predictedClass(row);
        state.result.predicted.push_back(best);
        state.result.confidence.push_back(
            columns == 1 ? std::max(row[0], 1 - row[0]) : row[static_cast<size_t>(best)]);
    }
}

void judgeNumbers(State& state, const data::Target& target, const Tensor& said)
{
    const data::Batch& batch = *state.batch;
    const Tensor& truth = batch.targets[static_cast<size_t>(state.target)];
    if (truth.elements() != said.elements())
        return;
    const auto count = static_cast<size_t>(truth.elements() / batch.size() * batch.count);
    const size_t places = target.deviation.size();
    for (size_t i = 0; i < count; ++i) {
        const double unit = places == 0 ? 1 : target.deviation[i % places];
        const double off = (static_cast<double>(said.floats()[i]) - truth.floats()[i]) * unit;
        state.absoluteSum += std::abs(off);
        state.squareSum += off * off;
    }
    state.numbers += static_cast<int64_t>(count);
}

/// One batch of the evaluation; the Error of a model that cannot be evaluated.
Status testSlice(State& state)
{
    data::Batch& batch = *state.batch;
    const data::Target* target = targetOf(state);
    if (!target || target->kind == data::Target::Kind::Tokens) {
        state.next = state.part.count(); // nothing that one could count
        return {};
    }
    data::fillBatch(state.part, state.next, state.data->preprocess, batch);
    auto said = train::predict(*state.model, batch.samples);
    if (!said)
        return said.error();
    if (target->isClasses())
        judgeClasses(state, *said);
    else
        judgeNumbers(state, *target, *said);
    state.next += batch.count;
    return {};
}

std::shared_ptr<TestResult> finishTest(State& state)
{
    auto result = std::make_shared<TestResult>(std::move(state.result));
    if (const data::Target* target = targetOf(state); target && target->isClasses()) {
        std::vector<int32_t> truth;
        for (int64_t index : state.part.indices)
            truth.push_back(state.part.dataset->label(index, static_cast<size_t>(state.target)));
        result->scores =
            train::scoreClasses(truth, result->predicted, static_cast<int64_t>(target->names.size()));
    } else if (state.numbers > 0) {
        const auto count = static_cast<double>(state.numbers);
        result->numbers = NumberScores{state.absoluteSum / count, std::sqrt(state.squareSum / count)};
    }
    state.batch.reset();
    return result;
}

} // namespace

ExplainWorker::ExplainWorker(QObject* parent) : QObject(parent)
{
    m_thread = std::jthread([this](std::stop_token token) { run(token); });
}

ExplainWorker::~ExplainWorker()
{
    m_thread.request_stop();
    m_wake.notify_all();
    m_thread.join();
}

void ExplainWorker::setModel(ExplainModel model)
{
    const std::scoped_lock lock(m_mutex);
    ++m_generation;
    m_model = std::move(model);
    m_request.reset(); // it was meant for the old one
    m_wake.notify_all();
}

void ExplainWorker::ask(ExplainRequest request)
{
    const std::scoped_lock lock(m_mutex);
    m_request = std::move(request);
    m_wake.notify_all();
}

template <typename Function>
void ExplainWorker::post(Function function)
{
    QMetaObject::invokeMethod(this, std::move(function), Qt::QueuedConnection);
}

void ExplainWorker::run(std::stop_token token)
{
    State state;
    while (!token.stop_requested()) {
        std::optional<ExplainModel> model;
        std::optional<ExplainRequest> request;
        uint64_t generation = 0;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(
                lock, token, [&] { return m_model || (m_request && state.model) || state.testing(); });
            if (token.stop_requested())
                return;
            model = std::exchange(m_model, std::nullopt);
            if (!model && state.model)
                request = std::exchange(m_request, std::nullopt);
            generation = m_generation;
        }
        // Whatever goes wrong becomes a sentence: no exception may leave the thread.
        const auto current = [this, generation](auto function) {
            post([this, generation, function = std::move(function)] {
                if (generation == m_generation)
                    function();
            });
        };
        const auto refuse = [&](const std::string& problem) {
            state.batch.reset();
            current([this, problem] { Q_EMIT failed(text(problem)); });
        };
        try {
            if (model) {
                if (Status status = build(*model, state); !status)
                    refuse(status.error().message);
                else
                    current([this, name = state.device->info().name] { Q_EMIT ready(text(name)); });
            } else if (request) {
                current([this, reply = answer(state, *request)] { Q_EMIT answered(reply); });
            } else if (Status status = testSlice(state); !status) {
                refuse(status.error().message);
            } else if (state.next >= state.part.count()) {
                current([this, result = finishTest(state)] { Q_EMIT tested(result); });
            } else if (state.next % (testBatch * 8) == 0) {
                current(
                    [this, done = state.next, total = state.part.count()] { Q_EMIT testing(done, total); });
            }
        } catch (const std::exception& problem) {
            refuse(problem.what());
        }
    }
}

} // namespace gradloom::widgets
