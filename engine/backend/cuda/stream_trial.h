#pragma once

#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/graph_capture.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace gradloom::cuda {

/// Trials on a stream of a device, to be used by who has the device's turn.
class StreamTrial : public TrialDevice
{
public:
    explicit StreamTrial(cudaStream_t stream) : m_stream(stream) {}

    std::shared_ptr<std::byte> allocate(int64_t bytes) override
    {
        const auto block = std::make_shared<Block>(Block::Where::Device, bytes);
        return {block, block->data()};
    }

    void run(const std::vector<Launch>& launches) override
    {
        send(launches);
        wait();
    }

    std::vector<std::byte> read(const std::byte* from, int64_t bytes) override
    {
        std::vector<std::byte> copy(static_cast<size_t>(bytes));
        check(cudaMemcpyAsync(copy.data(), from, copy.size(), cudaMemcpyDeviceToHost, m_stream),
            "trying an operation");
        wait();
        return copy;
    }

    /// As a CUDA graph, in which steps run: what cannot be captured fails here.
    float milliseconds(const std::vector<Launch>& launches) override
    {
        constexpr int repetitions = 5;
        constexpr int severalAtOnce = 10; // so that the time it takes to start one does not count
        constexpr float briefMilliseconds = 5;
        const GraphExec graph = captureGraph(m_stream, [&] { send(launches); });
        warmUp(graph);
        const Event begin = makeEvent(cudaEventDefault);
        const Event end = makeEvent(cudaEventDefault);
        float best = 0;
        int atOnce = 1;
        for (int i = 0; i <= repetitions; ++i) {
            check(cudaEventRecord(begin.get(), m_stream), "trying an operation");
            for (int launch = 0; launch < atOnce; ++launch)
                check(cudaGraphLaunch(graph.get(), m_stream), "trying an operation");
            check(cudaEventRecord(end.get(), m_stream), "trying an operation");
            wait();
            float time = 0;
            check(cudaEventElapsedTime(&time, begin.get(), end.get()), "trying an operation");
            time /= static_cast<float>(atOnce);
            best = i <= 1 ? time : std::min(best, time); // the first launch brings the graph to the device
            if (time < briefMilliseconds)
                atOnce = severalAtOnce;
        }
        m_lastUse = Clock::now();
        return best;
    }

private:
    using Clock = std::chrono::steady_clock;

    /// A device that was idle is slow for a moment, which would count against what is tried first.
    void warmUp(const GraphExec& graph) const
    {
        constexpr std::chrono::milliseconds idle{200};
        constexpr std::chrono::milliseconds moment{50};
        const auto start = Clock::now();
        if (m_lastUse && start - *m_lastUse < idle)
            return;
        while (Clock::now() - start < moment) {
            check(cudaGraphLaunch(graph.get(), m_stream), "trying an operation");
            wait();
        }
    }

    void send(const std::vector<Launch>& launches) const
    {
        for (const Launch& launch : launches)
            launch({m_stream});
        check(cudaGetLastError(), "trying an operation");
    }
    void wait() const { check(cudaStreamSynchronize(m_stream), "trying an operation"); }

    cudaStream_t m_stream;
    std::optional<Clock::time_point> m_lastUse;
};

} // namespace gradloom::cuda
