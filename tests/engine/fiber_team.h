#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

/// A team of threads of a GPU as fibers of one thread: each runs until it waits for the others. What a kernel
/// gets wrong about barriers, ranks or shared memory shows here.
namespace gradloom::tests {

class FiberTeams;

/// What a functor sees; see engine/backend/cuda/functors/portable.h.
class FiberTeam
{
public:
    FiberTeam(FiberTeams& all, int rank) : m_all(all), m_rank(rank) {}

    float* shared = nullptr;

    int rank() const { return m_rank; }
    int size() const;
    void sync() const;
    float sum(float v) const;
    float max(float v) const;
    uint32_t ballot(bool b) const;

private:
    FiberTeams& m_all;
    int m_rank;
};

/// Runs teams one after the other.
class FiberTeams
{
public:
    FiberTeams(int threads, int64_t sharedFloats);

    /// Calls body(team) on every fiber of one team. Throws std::logic_error where some fibers wait and others
    /// have finished.
    void run(const std::function<void(FiberTeam& team)>& body);

private:
    friend class FiberTeam;
    struct Fiber
    {
        ucontext_t context{};
        std::unique_ptr<char[]> stack;
        bool finished = false;
    };

    static void enter(unsigned high, unsigned low, int rank);
    void yield(int rank);

    std::vector<Fiber> m_fibers;
    std::vector<float> m_shared;
    std::vector<float> m_values; ///< of a collective operation
    ucontext_t m_scheduler{};
    const std::function<void(FiberTeam& team)>* m_body = nullptr;
};

} // namespace gradloom::tests
