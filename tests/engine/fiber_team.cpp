#include "tests/engine/fiber_team.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace gradloom::tests {

namespace {

constexpr size_t stackBytes = 64 * 1024;

} // namespace

int FiberTeam::size() const
{
    return static_cast<int>(m_all.m_fibers.size());
}

void FiberTeam::sync() const
{
    m_all.yield(m_rank);
}

float FiberTeam::sum(float v) const
{
    m_all.m_values[static_cast<size_t>(m_rank)] = v;
    sync();
    float total = 0;
    for (float value : m_all.m_values)
        total += value;
    sync();
    return total;
}

float FiberTeam::max(float v) const
{
    m_all.m_values[static_cast<size_t>(m_rank)] = v;
    sync();
    float best = m_all.m_values[0];
    for (float value : m_all.m_values)
        best = value > best || value != value ? value : best;
    sync();
    return best;
}

uint32_t FiberTeam::ballot(bool b) const
{
    m_all.m_values[static_cast<size_t>(m_rank)] = b ? 1.0F : 0.0F;
    sync();
    uint32_t bits = 0;
    for (size_t i = 0; i < m_all.m_values.size() && i < 32; ++i)
        bits |= m_all.m_values[i] > 0 ? 1U << i : 0U;
    sync();
    return bits;
}

FiberTeams::FiberTeams(int threads, int64_t sharedFloats)
    : m_fibers(static_cast<size_t>(threads)), m_shared(static_cast<size_t>(sharedFloats)),
      m_values(static_cast<size_t>(threads))
{
    for (Fiber& fiber : m_fibers)
        fiber.stack = std::make_unique<char[]>(stackBytes);
}

void FiberTeams::enter(unsigned high, unsigned low, int rank)
{
    auto* all = reinterpret_cast<FiberTeams*>(static_cast<uintptr_t>(high) << 32 | low);
    FiberTeam team(*all, rank);
    team.shared = all->m_shared.data();
    (*all->m_body)(team);
    all->m_fibers[static_cast<size_t>(rank)].finished = true;
}

void FiberTeams::yield(int rank)
{
    swapcontext(&m_fibers[static_cast<size_t>(rank)].context, &m_scheduler);
}

void FiberTeams::run(const std::function<void(FiberTeam& team)>& body)
{
    m_body = &body;
    std::fill(m_shared.begin(), m_shared.end(), std::numeric_limits<float>::quiet_NaN());
    const auto self = reinterpret_cast<uintptr_t>(this);
    for (size_t rank = 0; rank < m_fibers.size(); ++rank) {
        Fiber& fiber = m_fibers[rank];
        fiber.finished = false;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = stackBytes;
        fiber.context.uc_link = &m_scheduler;
        makecontext(&fiber.context, reinterpret_cast<void (*)()>(&FiberTeams::enter), 3,
            static_cast<unsigned>(self >> 32), static_cast<unsigned>(self), static_cast<int>(rank));
    }
    for (size_t finished = 0; finished < m_fibers.size();) {
        finished = 0;
        for (Fiber& fiber : m_fibers) {
            swapcontext(&m_scheduler, &fiber.context);
            finished += fiber.finished ? 1 : 0;
        }
        if (finished != 0 && finished != m_fibers.size())
            throw std::logic_error("some threads of a team wait for others that have finished");
    }
}

} // namespace gradloom::tests
