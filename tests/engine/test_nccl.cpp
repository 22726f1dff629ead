#include "tests/engine/device_failure.h"
#include "tests/engine/test_util.h"
#include "tests/fake_cuda/fake_nccl.h"

#include <thread>

/// Adding up with NCCL as it is sent, looked after and broken off, with an NCCL and devices of the test's
/// own.
namespace gradloom::cuda {
namespace {

using backend::DeviceFailure;
using test::failure;

class HostMemory : public backend::Memory
{
public:
    explicit HostMemory(std::vector<float> numbers) : numbers(std::move(numbers)) {}
    int64_t bytes() const override { return static_cast<int64_t>(numbers.size() * sizeof(float)); }
    void upload(std::span<const std::byte>, int64_t) override { ADD_FAILURE() << "not through the host"; }
    void download(std::span<std::byte>, int64_t) const override { ADD_FAILURE() << "not through the host"; }
    std::vector<float> numbers;
};

/// What a test sees and decides of a device.
struct Device
{
    std::mutex turn;
    std::function<void()> look;
    int marks = 0;
    int questions = 0;      ///< whether it has arrived
    int arrivesAt = 1;      ///< the question that is answered with yes
    bool lost = false;      ///< says so when it is asked
    bool lostInUse = false; ///< says so when it is chosen
};

class TestRank : public Rank
{
public:
    TestRank(int index, Device& device) : m_index(index), m_device(device) {}
    int index() const override { return m_index; }
    std::mutex& turn() override { return m_device.turn; }
    void* stream() override { return &m_device; }
    std::byte* address(backend::Memory& memory) override
    {
        return reinterpret_cast<std::byte*>(static_cast<HostMemory&>(memory).numbers.data());
    }
    void use() override
    {
        if (m_device.lostInUse)
            throw DeviceFailure("The GPU is gone.");
    }
    void mark() override
    {
        EXPECT_EQ(test::fakeNccl().depth, 0) << "the mark comes behind the sum";
        ++m_device.marks;
        m_device.questions = 0;
    }
    bool arrived() override
    {
        if (m_device.lost)
            throw DeviceFailure("The GPU is gone.");
        return ++m_device.questions >= m_device.arrivesAt;
    }
    void whileWaiting(std::function<void()> look) override
    {
        std::thread([this] {
            const bool free = m_device.turn.try_lock();
            if (free)
                m_device.turn.unlock();
            EXPECT_FALSE(free) << "to be changed by who has the turn";
        }).join();
        m_device.look = std::move(look);
    }

private:
    int m_index;
    Device& m_device;
};

class Nccl : public testing::Test
{
protected:
    void SetUp() override { test::fakeNccl() = {}; }
    void TearDown() override
    {
        EXPECT_EQ(nccl.depth, 0) << "every group that is begun is ended";
        EXPECT_FALSE(nccl.misused);
    }

    /// Devices 0, 2, 4, ...: their numbers are not their ranks.
    Result<std::unique_ptr<backend::Communicator>> connect(size_t count)
    {
        std::vector<std::unique_ptr<Rank>> ranks;
        devices = std::vector<Device>(count);
        for (size_t i = 0; i < count; ++i) {
            ranks.push_back(std::make_unique<TestRank>(2 * static_cast<int>(i), devices[i]));
            memories.push_back(std::make_shared<HostMemory>(
                std::vector<float>{100, 1.5F + static_cast<float>(i), 0.25F, static_cast<float>(i), 200}));
        }
        return NcclCommunicator::connect(test::fakeNcclFunctions(), std::move(ranks));
    }
    void sum(backend::Communicator& communicator)
    {
        std::vector<backend::MemoryRange> shares;
        for (const auto& memory : memories)
            shares.push_back({memory, 1, 3});
        communicator.sum(shares);
    }
    const std::vector<float>& numbers(size_t rank) const
    {
        return static_cast<const HostMemory&>(*memories[rank]).numbers;
    }

    test::FakeNccl& nccl = test::fakeNccl();
    std::vector<Device> devices;
    std::vector<std::shared_ptr<backend::Memory>> memories;
};

} // namespace

TEST_F(Nccl, AddsUpTheRangeOnEveryDevice)
{
    auto communicator = connect(3).value();
    EXPECT_TRUE(communicator->runsAhead());
    EXPECT_EQ(communicator->note(), "NCCL 2.99.4 adds up the results of 3 GPUs.");
    sum(*communicator);
    for (size_t rank = 0; rank < 3; ++rank) {
        EXPECT_EQ(numbers(rank), (std::vector<float>{100, 7.5F, 0.75F, 3, 200})) << "no scaling, no more";
        EXPECT_EQ(devices[rank].marks, 1);
        ASSERT_EQ(nccl.summed.size(), 3u);
        EXPECT_EQ(nccl.summed[rank].stream, &devices[rank]) << "on the stream that computes";
        EXPECT_EQ(nccl.summed[rank].comm->device, 2 * static_cast<int>(rank));
        EXPECT_EQ(nccl.summed[rank].count, 3u);
    }
    EXPECT_EQ(nccl.groups, 1) << "one thread sends to all devices, so they belong together";
    sum(*communicator);
    EXPECT_EQ(numbers(1), (std::vector<float>{100, 22.5F, 2.25F, 9, 200}));
    communicator.reset();
    EXPECT_EQ(nccl.destroyed, (std::vector<int>{0, 2, 4}));
    EXPECT_EQ(nccl.aborted, std::vector<int>());
    EXPECT_EQ(devices[0].look, nullptr);
}

TEST_F(Nccl, OneDeviceTakesTheSameWay)
{
    auto communicator = connect(1).value();
    EXPECT_EQ(communicator->note(), "NCCL 2.99.4 adds up the results of 1 GPU.");
    sum(*communicator);
    EXPECT_EQ(nccl.summed.size(), 1u);
    EXPECT_EQ(numbers(0), (std::vector<float>{100, 1.5F, 0.25F, 0, 200}));
    communicator.reset();
    EXPECT_EQ(nccl.destroyed, std::vector<int>{0});
}

TEST_F(Nccl, WhatItCannotConnectIsSaid)
{
    nccl.initResult = 2;
    const auto refused = connect(2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "NCCL cannot connect the GPUs: unhandled system error.");
    EXPECT_EQ(nccl.groups, 0) << "there is nothing to end";
}

TEST_F(Nccl, AFailureOfOneBreaksOffAll)
{
    for (const bool atTheEnd : {false, true}) {
        nccl = {};
        memories.clear();
        auto communicator = connect(3).value();
        (atTheEnd ? nccl.groupEndResult : nccl.failingDevice) = 2;
        const std::string sentence = "NCCL failed while adding up results: unhandled system error. Start "
                                     "again, on one GPU if it fails once more.";
        EXPECT_EQ(failure([&] { sum(*communicator); }), sentence);
        EXPECT_EQ(nccl.aborted, (std::vector<int>{0, 2, 4}));
        EXPECT_EQ(nccl.groups, 2) << "the sum, and one group for all that are aborted";
        nccl.groupEndResult = 0;
        nccl.failingDevice = -1;
        EXPECT_EQ(failure([&] { sum(*communicator); }), sentence) << "there is no way back";
        EXPECT_EQ(failure([&] { devices[0].look(); }), sentence) << "whoever else waits is told";
        communicator.reset();
        EXPECT_EQ(nccl.destroyed, std::vector<int>()) << "what was aborted is gone";
        EXPECT_EQ(nccl.aborted.size(), 3u);
        EXPECT_EQ(devices[2].look, nullptr);
    }
}

TEST_F(Nccl, ALostDeviceEndsTheWaitingForTheOthers)
{
    auto communicator = connect(2).value();
    for (Device& device : devices)
        device.arrivesAt = 1000;
    sum(*communicator);
    EXPECT_EQ(failure([&] { devices[0].look(); }), "") << "it may still come";
    devices[1].lost = true;
    EXPECT_EQ(failure([&] { devices[0].look(); }), "cuda:2: The GPU is gone.");
    EXPECT_EQ(nccl.aborted, (std::vector<int>{0, 2}));
    EXPECT_EQ(failure([&] { sum(*communicator); }), "cuda:2: The GPU is gone.");
}

TEST_F(Nccl, ALostDeviceIsNotGivenToTheOthersToWaitFor)
{
    auto communicator = connect(2).value();
    devices[1].lostInUse = true;
    EXPECT_EQ(failure([&] { sum(*communicator); }), "cuda:2: The GPU is gone.");
    EXPECT_EQ(nccl.summed.size(), 0u);
    EXPECT_EQ(nccl.aborted.size(), 2u);
}

TEST_F(Nccl, WhatGoesWrongLaterIsSeenByWhoWaits)
{
    auto communicator = connect(2).value();
    devices[0].arrivesAt = 3;
    sum(*communicator);
    nccl.asyncError = NcclFunctions::inProgress;
    EXPECT_EQ(failure([&] { devices[1].look(); }), "");
    nccl.asyncError = 6;
    EXPECT_EQ(failure([&] { devices[1].look(); }), "NCCL failed while adding up results: remote error. "
                                                   "Start again, on one GPU if it fails once more.");
    EXPECT_EQ(nccl.aborted.size(), 2u);
}

TEST_F(Nccl, ADoneSumIsLookedAtNoMore)
{
    auto communicator = connect(2).value();
    sum(*communicator);
    devices[0].look();
    devices[1].lost = true; // its next step will say so
    EXPECT_EQ(failure([&] { devices[0].look(); }), "");
    EXPECT_EQ(nccl.aborted.size(), 0u);
}

TEST_F(Nccl, TheEndWaitsForTheLastSumOrBreaksItOff)
{
    auto communicator = connect(2).value();
    devices[1].arrivesAt = 5;
    sum(*communicator);
    communicator.reset();
    EXPECT_EQ(devices[1].questions, 5);
    EXPECT_EQ(nccl.destroyed.size(), 2u);

    nccl = {};
    memories.clear();
    auto other = connect(2).value();
    devices[0].arrivesAt = 1000000;
    sum(*other);
    devices[1].lost = true;
    other.reset();
    EXPECT_EQ(nccl.aborted.size(), 2u);
    EXPECT_EQ(nccl.destroyed.size(), 0u);
}

TEST_F(Nccl, VersionsReadAsPeopleWriteThem)
{
    EXPECT_EQ(ncclVersionText(22809), "2.28.9");
    EXPECT_EQ(ncclVersionText(21005), "2.10.5");
    EXPECT_EQ(ncclVersionText(2708), "2.7.8");
}

} // namespace gradloom::cuda
