#pragma once

#include "engine/data/batch_loader.h"
#include "engine/train/model.h"

#include <array>

namespace gradloom::train {

/// A model's memory as it was a few steps ago, on the host: where the search for the origin of a NaN starts
/// from, because the step that showed it has already spoilt the weights.
class Rewind
{
public:
    explicit Rewind(const backend::ModelMemory& memory);

    /// Takes the present contents. Does not allocate.
    void capture(int64_t step);
    void restore() const;
    int64_t step() const { return m_step; }

private:
    std::array<std::shared_ptr<backend::Memory>, 3> m_memories;
    std::array<Buffer, 3> m_copies;
    int64_t m_step = 0;
};

/// The inputs of one pass.
struct Inputs
{
    const data::Batch& batch;
    const std::array<int32_t, 4>& random;
    bool training = false;
};

/// The first node, in the order of computation, whose result is not finite for these inputs; the loss node
/// where all others are; of a repeated group the repetition's node, see graph::originOf. Empty where everything
/// is finite.
Result<std::string> firstNonFinite(Model& model, const Inputs& inputs);

} // namespace gradloom::train
