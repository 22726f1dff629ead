#pragma once

#include "engine/train/model.h"
#include "engine/train/picture_maker.h"
#include "engine/train/stepper.h"
#include "engine/train/train_session.h"

#include <chrono>
#include <optional>

namespace gradloom::train {

/// Makes the snapshots that the window shows: what each node computes for one picture and how each layer's
/// weights and gradients are doing. At most a few a second, and so rarely that they cost training well under
/// one percent.
class Publisher
{
public:
    /// What computes the probe picture, with the results of all nodes.
    static Result<ir::Program> makeProgram(const graph::Graph& graph, const layers::TargetTypes& labels);
    /// `sample` is the probe picture as the network sees it (one sample, no batch). The test pictures of `data` are
    /// what an autoencoder is shown.
    static Result<std::unique_ptr<Publisher>> create(Model& model, const Tensor& sample, const RunData& data);

    /// True when the next snapshot may be made.
    bool due() const { return std::chrono::steady_clock::now() >= m_next; }
    /// Reads the gradients of the step that `stepper` did last. Engine thread, between steps.
    std::unique_ptr<Snapshot> make(int64_t step, const Stepper& stepper);

private:
    /// A node's trainable weights: ranges of the flat buffer.
    struct Layer
    {
        std::string node;
        std::vector<std::pair<int64_t, int64_t>> ranges; ///< first element, count
    };

    Publisher(Model& model, LoadedProgram& program) : m_model(model), m_program(program) {}
    LayerHealth health(const Layer& layer) const;

    Model& m_model;
    LoadedProgram& m_program;
    std::vector<std::string> m_nodes; ///< watched
    std::optional<PictureMaker> m_pictures;
    std::vector<Layer> m_layers;
    std::vector<float> m_parameters;
    std::vector<float> m_gradients;
    std::chrono::steady_clock::time_point m_next{};
};

} // namespace gradloom::train
