#pragma once

#include "engine/train/model.h"
#include "engine/train/run_data.h"
#include "engine/train/train_session.h"

#include <optional>

namespace gradloom::train {

/// Lets a network make pictures: a GAN or variational autoencoder from noise, an autoencoder from test pictures.
class PictureMaker
{
public:
    struct PictureProgram
    {
        ir::Program program;
        std::string output; ///< its pictures
    };
    /// Nothing for a network that makes no pictures like those it takes.
    static Result<std::optional<PictureProgram>> makeProgram(
        const graph::Graph& graph, const layers::TargetTypes& labels);
    /// Nothing where makeProgram() gives nothing. The noise is always the same, so
    /// that a picture can be followed through a training run.
    static Result<std::optional<PictureMaker>> create(Model& model, const RunData& data);

    /// Fills `made` and `originals`.
    void make(Snapshot& snapshot);

private:
    PictureMaker(LoadedProgram& program, std::string output, const RunData& data)
        : m_program(&program), m_output(std::move(output)), m_preprocess(data.preprocess),
          m_valueMaximum(data.loaded.valueMaximum)
    {
    }

    LoadedProgram* m_program; ///< of the model
    std::string m_output;
    data::Preprocess m_preprocess;
    float m_valueMaximum;
    Tensor m_originals; ///< U8; empty where pictures are made from noise
};

/// New samples from noise as the network makes them: F32, count×(shape of a sample). `seed` chooses the noise.
Result<Tensor> generate(Model& model, int64_t count, uint64_t seed);

} // namespace gradloom::train
