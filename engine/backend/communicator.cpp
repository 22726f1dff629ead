#include "engine/backend/communicator.h"

namespace gradloom::backend {

namespace {

class HostCommunicator : public Communicator
{
public:
    explicit HostCommunicator(int64_t elements)
        : m_sum(static_cast<size_t>(elements)), m_one(static_cast<size_t>(elements))
    {
    }

    void sum(
        std::span<const std::shared_ptr<Memory>> memories, int64_t firstElement, int64_t elements) override
    {
        const int64_t offset = firstElement * static_cast<int64_t>(sizeof(float));
        const auto total = std::span(m_sum).first(static_cast<size_t>(elements));
        const auto one = std::span(m_one).first(static_cast<size_t>(elements));
        memories.front()->download(std::as_writable_bytes(total), offset);
        for (const auto& memory : memories.subspan(1)) {
            memory->download(std::as_writable_bytes(one), offset);
            for (size_t i = 0; i < total.size(); ++i)
                total[i] += one[i];
        }
        for (const auto& memory : memories)
            memory->upload(std::as_bytes(total), offset);
    }

private:
    std::vector<float> m_sum;
    std::vector<float> m_one; ///< of one device
};

} // namespace

std::unique_ptr<Communicator> hostCommunicator(int64_t elements)
{
    return std::make_unique<HostCommunicator>(elements);
}

} // namespace gradloom::backend
