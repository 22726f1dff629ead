#include "engine/backend/cuda/nccl_communicator.h"

#include <thread>

namespace gradloom::cuda {

std::string ncclVersionText(int version)
{
    // Up to 2.8 the major version counted thousands.
    const int major = version < 10000 ? 1000 : 10000;
    return std::to_string(version / major) + "." + std::to_string(version % major / 100) + "." +
           std::to_string(version % 100);
}

NcclCommunicator::NcclCommunicator(const NcclFunctions& functions, std::vector<std::unique_ptr<Rank>> ranks)
    : m_functions(functions), m_ranks(std::move(ranks))
{
}

Result<std::unique_ptr<backend::Communicator>> NcclCommunicator::connect(
    const NcclFunctions& functions, std::vector<std::unique_ptr<Rank>> ranks)
{
    std::unique_ptr<NcclCommunicator> made(new NcclCommunicator(functions, std::move(ranks)));
    std::vector<int> devices;
    for (const auto& rank : made->m_ranks)
        devices.push_back(rank->index());
    std::vector<NcclFunctions::Comm> comms(devices.size());
    const int result = functions.commInitAll(comms.data(), static_cast<int>(comms.size()), devices.data());
    if (result != NcclFunctions::success)
        return unsupported(
            std::string("NCCL cannot connect the GPUs: ") + functions.getErrorString(result) + ".");
    made->m_comms = std::move(comms);
    for (const auto& rank : made->m_ranks) {
        const std::lock_guard lock(rank->turn());
        rank->whileWaiting([communicator = made.get()] { communicator->look(); });
    }
    return std::unique_ptr<backend::Communicator>(std::move(made));
}

NcclCommunicator::~NcclCommunicator()
{
    if (m_comms.empty() && m_failure.empty())
        return; // was never connected
    try {
        for (bool pending = true; pending; std::this_thread::yield()) {
            look();
            const std::lock_guard lock(m_lock);
            pending = m_pending;
        }
    } catch (const std::exception&) {
        // It was broken off; whose fault that was is known or nobody's business any more.
    }
    for (const auto& rank : m_ranks) {
        const std::lock_guard lock(rank->turn());
        rank->whileWaiting(nullptr);
    }
    endAll(m_functions.commDestroy);
}

std::string NcclCommunicator::note() const
{
    int version = 0;
    m_functions.getVersion(&version);
    const size_t count = m_ranks.size();
    return "NCCL " + ncclVersionText(version) + " adds up the results of " + std::to_string(count) +
           (count == 1 ? " GPU." : " GPUs.");
}

void NcclCommunicator::sum(std::span<const backend::MemoryRange> shares)
{
    std::vector<std::unique_lock<std::mutex>> turns;
    for (const auto& rank : m_ranks)
        turns.emplace_back(rank->turn());
    const std::lock_guard lock(m_lock);
    if (!m_failure.empty())
        throw backend::DeviceFailure(m_failure);
    onEach([](Rank& rank) { rank.use(); }); // a device that was lost says so before the others wait for it
    send(shares);
    onEach([](Rank& rank) {
        rank.use();
        rank.mark();
    });
    m_pending = true;
}

void NcclCommunicator::send(std::span<const backend::MemoryRange> shares)
{
    int result = m_functions.groupStart();
    if (result != NcclFunctions::success)
        failWith(result);
    for (size_t i = 0; i < m_ranks.size() && result == NcclFunctions::success; ++i) {
        std::byte* data = m_ranks[i]->address(*shares[i].memory) +
                          shares[i].firstElement * static_cast<int64_t>(sizeof(float));
        result = m_functions.allReduce(data, data, static_cast<size_t>(shares[i].elements),
            NcclFunctions::float32, NcclFunctions::sum, m_comms[i], m_ranks[i]->stream());
    }
    const int ended = m_functions.groupEnd(); // a group that was begun is ended, whatever happened in it
    if (result == NcclFunctions::success)
        result = ended;
    if (result != NcclFunctions::success)
        failWith(result);
}

void NcclCommunicator::look()
{
    const std::lock_guard lock(m_lock);
    if (!m_failure.empty()) // others that waited may have seen it first
        throw backend::DeviceFailure(m_failure);
    if (!m_pending)
        return;
    // What a device says about itself is clearer than what NCCL says about it.
    bool all = true;
    onEach([&](Rank& rank) { all = rank.arrived() && all; });
    m_pending = !all;
    for (NcclFunctions::Comm comm : m_comms) {
        int error = NcclFunctions::success;
        const int result = m_functions.commGetAsyncError(comm, &error);
        if (result != NcclFunctions::success)
            failWith(result);
        if (error != NcclFunctions::success && error != NcclFunctions::inProgress)
            failWith(error);
    }
}

template <class Action>
void NcclCommunicator::onEach(const Action& action)
{
    for (const auto& rank : m_ranks)
        try {
            action(*rank);
        } catch (const backend::DeviceFailure& failure) {
            fail("cuda:" + std::to_string(rank->index()) + ": " + failure.what());
        }
}

void NcclCommunicator::failWith(int result)
{
    fail(std::string("NCCL failed while adding up results: ") + m_functions.getErrorString(result) +
         ". Start again, on one GPU if it fails once more.");
}

void NcclCommunicator::fail(std::string sentence)
{
    m_failure = std::move(sentence);
    m_pending = false;
    endAll(m_functions.commAbort);
    throw backend::DeviceFailure(m_failure);
}

void NcclCommunicator::endAll(int (*how)(NcclFunctions::Comm))
{
    if (m_comms.empty())
        return;
    // As a group: ending one waits for the others, which one thread can only end afterwards.
    m_functions.groupStart();
    for (NcclFunctions::Comm comm : m_comms)
        how(comm);
    m_functions.groupEnd();
    m_comms.clear();
}

} // namespace gradloom::cuda
