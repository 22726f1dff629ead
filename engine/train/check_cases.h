#pragma once

#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/graph/chain.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace gradloom::train {

/// One use of a primitive: a program of this operation alone (an adjoint that devices may compute together
/// with its operation, or which reads that one's notes, comes behind it), its operands, and what the reference
/// made of them.
struct CheckCase
{
    std::shared_ptr<const compile::Plan> plan;
    std::string primitive;
    size_t op = 0; ///< the operation that is checked
    std::vector<std::pair<ir::ValueId, Tensor>> operands;
    std::vector<std::pair<ir::ValueId, Tensor>> expected;
};

/// Collects the distinct uses of primitives in programs, with operands as they occur in them.
class CheckCases
{
public:
    CheckCases(backend::Backend& reference, uint64_t seed) : m_reference(reference), m_random(seed) {}

    /// Random numbers of a range for the inputs of the programs added from now on; of [low, high) where they
    /// differ, else normal.
    void setRange(float low, float high)
    {
        m_low = low;
        m_high = high;
    }
    /// Runs the program on the reference and takes the uses that are new.
    Status add(ir::Program program);

    std::vector<CheckCase> take() { return std::move(m_cases); }

private:
    Tensor randomContents(const ir::Value& value);

    backend::Backend& m_reference;
    Random m_random;
    float m_low = 0;
    float m_high = 0;
    std::set<std::string> m_known;
    std::vector<CheckCase> m_cases;
};

/// Every program that is checked: all samples of all layers with their gradients, as in training and as in
/// use; every pointwise function; augmentation; a training step with every optimizer.
Status addAllPrograms(CheckCases& cases);

} // namespace gradloom::train
