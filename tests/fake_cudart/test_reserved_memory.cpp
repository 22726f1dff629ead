#include "engine/backend/cuda/reserved_memory.h"
#include "tests/fake_cudart/fake_cudart.h"

#include <gtest/gtest.h>

/// Memory that is taken at once for a run.
namespace gradloom::tests {
namespace {

using cuda::Block;
using cuda::ReservedMemory;

constexpr int64_t megabyte = int64_t{1} << 20;

class CudaReservedMemory : public testing::Test
{
protected:
    CudaReservedMemory() { fake.memory = 4 * megabyte; }
    FreshCudart fresh;
    FakeCudart& fake = fakeCudart();
};

} // namespace

TEST_F(CudaReservedMemory, GivesWhatWasTakenAtOnceToTheLastByte)
{
    ReservedMemory reserved;
    reserved.take(megabyte);
    EXPECT_EQ(fake.taken, megabyte);
    const Block a = reserved.block(1000);
    const Block nothing = reserved.block(0);
    const Block b = reserved.block(megabyte - 1024);
    EXPECT_EQ(fake.taken, megabyte) << "no more was taken";
    EXPECT_EQ(a.bytes(), 1000);
    EXPECT_EQ(b.data() - a.data(), 1024);
    EXPECT_NE(nothing.data(), nullptr);
    const Block more = reserved.block(1000);
    EXPECT_GE(fake.taken, megabyte + 1000) << "beyond it there is plain memory";
    EXPECT_THROW(reserved.block(4 * megabyte), backend::OutOfDeviceMemory);
}

TEST_F(CudaReservedMemory, LivesAsLongAsItsBlocks)
{
    Block block;
    {
        ReservedMemory reserved;
        reserved.take(megabyte);
        block = reserved.block(512);
    }
    EXPECT_EQ(fake.taken, megabyte);
    block.data()[511] = std::byte{1};
    block = {};
    EXPECT_EQ(fake.taken, 0);
}

TEST_F(CudaReservedMemory, IsGivenBackBeforeItIsTakenAnew)
{
    ReservedMemory reserved;
    reserved.take(3 * megabyte);
    reserved.take(4 * megabyte);
    EXPECT_EQ(fake.taken, 4 * megabyte);
    EXPECT_THROW(reserved.take(5 * megabyte), backend::OutOfDeviceMemory);
    EXPECT_EQ(fake.taken, 0);
    const Block block = reserved.block(1000);
    EXPECT_GE(fake.taken, 1000) << "of nothing that was reserved";
}

} // namespace gradloom::tests
