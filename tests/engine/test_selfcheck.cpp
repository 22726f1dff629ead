#include "engine/ir/op_type.h"
#include "engine/train/selfcheck.h"
#include "engine/train/sum_check.h"
#include "tests/engine/test_util.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <gtest/gtest.h>

#include <algorithm>

/// Whether the selfcheck finds what is wrong: instruction sets of the CPU, and pretended GPUs.
namespace gradloom {
namespace {

using namespace train;

class SelfcheckOnDevices : public testing::Test
{
protected:
    void SetUp() override { environment.useModule(FAKE_CUDA); }

    test::Environment environment;
};

const PrimitiveCheck& checkOf(const Selfcheck& check, const std::string& primitive)
{
    return *std::find_if(check.primitives.begin(), check.primitives.end(),
        [&](const PrimitiveCheck& one) { return one.primitive == primitive; });
}

} // namespace

TEST_F(SelfcheckOnDevices, CoversEveryPrimitive)
{
    const auto check = selfcheck("cpu", {}).value();
    EXPECT_TRUE(check.passed());
    EXPECT_NE(check.device, check.reference);
    for (const auto& type : ir::opTypes().all()) {
        const PrimitiveCheck& one = checkOf(check, type.id);
        EXPECT_EQ(one.primitive, type.id);
        EXPECT_GT(one.cases, 0) << type.id;
        EXPECT_LE(one.error, one.limit) << type.id;
    }
    EXPECT_EQ(check.primitives.size(), ir::opTypes().all().size() + 1);
    EXPECT_GT(checkOf(check, "gemm").error, 0) << "another instruction set adds in another order";
    EXPECT_GT(checkOf(check, "gemm").seconds, 0);
}

TEST_F(SelfcheckOnDevices, FindsWhatIsWrong)
{
    SelfcheckOptions options;
    options.seed = 5;
    EXPECT_TRUE(selfcheck("cuda:0", options).value().passed());
    for (const std::string wrong : {"softmax", "argmax", "lstm_backward"}) {
        environment.set("GRADLOOM_FAKE_FAULT", wrong);
        const auto check = selfcheck("cuda:0", options).value();
        EXPECT_FALSE(check.passed());
        for (const PrimitiveCheck& one : check.primitives)
            EXPECT_EQ(one.problem.empty(), one.primitive != wrong) << one.primitive << ": " << one.problem;
    }
    EXPECT_FALSE(selfcheck("cuda:9", {}));
}

TEST_F(SelfcheckOnDevices, AddsUp)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "3");
    const std::vector<std::string> all{"cuda:0", "cuda:1", "cuda:2"};
    for (const std::string nccl : {"there", "missing"}) {
        environment.set("GRADLOOM_FAKE_NCCL", nccl);
        const auto check = checkSums(all, {}).value();
        EXPECT_EQ(check.device, "Pretended GPU 0, Pretended GPU 1, Pretended GPU 2");
        EXPECT_EQ(check.note.starts_with("NCCL 2.99.4 adds up"), nccl == "there") << check.note;
        ASSERT_EQ(check.primitives.size(), 1u);
        EXPECT_EQ(check.primitives[0].cases, 3);
        EXPECT_GT(check.primitives[0].error, 0);
        EXPECT_TRUE(check.passed()) << check.primitives[0].problem;
    }
    EXPECT_FALSE(checkSums({"cuda:1", "cuda:1"}, {}));
    environment.set("GRADLOOM_FAKE_NCCL", "forgetful");
    EXPECT_EQ(checkSums(all, {}).value().primitives[0].problem, "The sum is too far from the reference.");
    environment.set("GRADLOOM_FAKE_NCCL", "uneven");
    EXPECT_EQ(checkSums(all, {}).value().primitives[0].problem, "The devices did not get the same sum.");
}

TEST_F(SelfcheckOnDevices, OutlivesALostDevice)
{
    environment.set("GRADLOOM_FAKE_LOST", "1");
    const auto check = selfcheck("cuda:0", {}).value();
    for (const PrimitiveCheck& one : check.primitives)
        EXPECT_EQ(one.problem, "The pretended GPU fell off the bus. Restart the machine.") << one.primitive;
}

} // namespace gradloom
