#pragma once

#include "engine/backend/backend.h"
#include "engine/layers/layer_type.h"
#include "engine/project/project.h"
#include "engine/train/loaded_program.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>

namespace gradloom::train {

/// Named weights, in the order of names: what checkpoints hold.
using Weights = std::map<std::string, Tensor>;

/// A drawing on a device with its weights, for evaluation, prediction and explanation. One thread at a time.
class Model
{
public:
    /// Compiles the drawing; weights are initialised from `seed` (Philox, one stream per weight).
    static Result<std::unique_ptr<Model>> create(const graph::Graph& graph, const layers::TargetTypes& labels,
        std::shared_ptr<backend::Backend> device, uint64_t seed);
    ~Model();

    const graph::Graph& graph() const;
    backend::Backend& device();
    const backend::ModelMemory& memory() const;
    /// Places of all weights: name to value with segment and offset.
    const ir::Program& layout() const;
    const layers::TargetTypes& labels() const;

    Weights weights() const;
    /// Takes weights by name. Missing names and other shapes are errors that name the weight; nothing changes
    /// then.
    Status setWeights(const Weights& weights);
    /// The same from a .safetensors file; the message of an Error names it.
    Status loadWeights(const std::filesystem::path& path);

    /// A program of this drawing on this device and these weights: made by `build` at the first call with
    /// `key` and kept, so that what is asked again (the next picture, the next click) answers at once.
    Result<LoadedProgram*> program(const std::string& key, const std::function<Result<ir::Program>()>& build);

private:
    struct Impl;
    explicit Model(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// Fills weights by their initializers.
/// Sources: Glorot and Bengio 2010; He et al. 2015; Saxe et al. 2014 (orthogonal).
Weights initialWeights(const ir::Program& program, uint64_t seed);

} // namespace gradloom::train
