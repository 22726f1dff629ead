#pragma once

#include "engine/backend/cuda/library.h"

namespace gradloom::cuda {

/// Operands and results of an operation where a library can use whole vectors: those that begin elsewhere, as
/// parts of other tensors or of a model, are copied. To be asked before the library's launch is added.
class AlignedMemory
{
public:
    explicit AlignedMemory(Preparation& preparation) : m_p(preparation) {}

    /// Null where the operand is absent.
    const float* in(size_t i)
    {
        const float* from = m_p.in(i);
        if (from == nullptr || isAligned(from))
            return from;
        auto* copy = m_p.scratch(m_p.inShape(i).elements());
        m_p.launch(copying(copy, from, m_p.inShape(i).elements()));
        return copy;
    }

    float* out(size_t i)
    {
        if (isAligned(m_p.out(i)))
            return m_p.out(i);
        return apart(i);
    }

    /// Memory for a result that is copied to its place behind the launch.
    float* apart(size_t i)
    {
        auto* from = m_p.scratch(m_p.outShape(i).elements());
        m_results.push_back(copying(m_p.out(i), from, m_p.outShape(i).elements()));
        return from;
    }

    /// Behind the library's launch.
    void finish()
    {
        for (Launch& copy : m_results)
            m_p.launch(std::move(copy));
    }

private:
    static Launch copying(float* to, const float* from, int64_t count)
    {
        return [=](const Context& context) {
            copyBytes(context, to, from, count * static_cast<int64_t>(sizeof(float)));
        };
    }

    Preparation& m_p;
    std::vector<Launch> m_results;
};

} // namespace gradloom::cuda
