#include "engine/backend/cuda/cuda_check.h"
#include "engine/train/check_cases.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/step_losses.h"
#include "tests/fake_cudnn/pretended_cudnn.h"

#include <gtest/gtest.h>

#include <set>

/// What cuDNN computes beside the own kernels, on a pretended cuDNN that is always faster than they.
namespace gradloom::tests {
namespace {

Params window(std::vector<int64_t> kernel, std::vector<int64_t> stride, std::vector<int64_t> padding)
{
    return {{"kernel", kernel}, {"stride", stride}, {"padding", padding}};
}

const TensorType absent{Shape(), DType::U8};

/// One group is a layer, as many as channels are instances.
Params groups(int64_t count)
{
    return {{"axis", int64_t{1}}, {"groups", count}, {"epsilon", 1e-3}};
}

Params attend(int64_t heads, bool causal, double rate)
{
    return {{"heads", heads}, {"causal", causal}, {"scale", 0.3}, {"rate", rate}, {"stream", int64_t{1}}};
}

Kernels normalised(const std::string& kernel)
{
    return {{"group_norm", kernel}, {"group_norm_backward", kernel}};
}

/// A use of a primitive and what computes it.
struct CudnnUse
{
    Case what;
    Kernels kernels;
    backend::Precision precision = backend::Precision::Tf32;

    /// Numbers of 8 bits are compared with float32.
    double tolerance() const { return precision == backend::Precision::Bf16 ? 2e-2 : 2e-5; }
};

void PrintTo(const CudnnUse& use, std::ostream* out)
{
    *out << use.what.op << " " << use.what.name;
}

std::vector<CudnnUse> cudnnUses()
{
    const std::string softmax = "cuDNN softmax";
    const std::string pooling = "cuDNN pooling";
    const std::string norm = "cuDNN batch norm";
    const std::string own = "own";
    const Params epsilon{{"epsilon", 1e-3}};
    const Params relu{{"epsilon", 1e-3}, {"activation", std::string("relu")}};
    const Params inner = window({3, 2}, {2, 1}, {1, 0, 1, 0});
    return {
        {{"softmax", {f({5, 7})}, {}, "rows"}, {{"softmax", softmax}, {"softmax_backward", softmax}}},
        {{"softmax", {f({2, 3, 4})}, {}, "rank_3"}, {{"softmax", softmax}, {"softmax_backward", softmax}}},
        {{"log_softmax", {f({3, 9})}, {}, "rows"}, {{"log_softmax", softmax}}},
        {{"avg_pool2d", {f({2, 7, 6, 3})}, inner, "padded"},
            {{"avg_pool2d", pooling}, {"avg_pool2d_backward", pooling}}},
        {{"avg_pool2d", {f({1, 6, 6, 4})}, window({3, 3}, {2, 2}, {0, 0, 1, 1}), "more_at_the_end"},
            {{"avg_pool2d", own}, {"avg_pool2d_backward", own}}},
        {{"avg_pool2d", {f({1, 7, 7, 4})}, window({2, 2}, {2, 2}, {0, 0, 0, 1}), "one_window_more"},
            {{"avg_pool2d", own}, {"avg_pool2d_backward", own}}},
        {{"max_pool2d", {f({2, 7, 6, 3})}, inner, "with_places"},
            {{"max_pool2d", own}, {"max_pool2d_backward", own}}},
        {{"batch_norm", {f({3, 5, 4, 6}), f({6}), f({6})}, epsilon, "images"},
            {{"batch_norm", norm}, {"batch_norm_backward", norm}}},
        {{"batch_norm", {f({9, 5}), f({5}), f({5})}, epsilon, "rows"},
            {{"batch_norm", norm}, {"batch_norm_backward", norm}}},
        {{"batch_norm", {f({3, 5, 4, 6}), f({6}), f({6})}, relu, "relu"},
            {{"batch_norm", own}, {"batch_norm_backward", own}}},
        {{"group_norm", {f({5, 8}), f({8}), f({8})}, groups(1), "layer"}, normalised("cuDNN layer norm")},
        {{"group_norm", {f({2, 3, 8}), f({8}), f({8})},
             {{"axis", int64_t{2}}, {"groups", int64_t{1}}, {"epsilon", 1e-3}}, "layer_of_rows"},
            normalised("cuDNN layer norm")},
        {{"group_norm", {f({2, 3, 4, 6}), f({6}), f({6})}, groups(6), "instance"},
            normalised("cuDNN instance norm")},
        {{"group_norm", {f({2, 3, 4, 6}), f({6}), f({6})}, groups(2), "groups"}, normalised(own)},
        {{"group_norm", {f({2, 3, 4, 6}), f({6}), f({6})}, groups(1), "layer_of_images"}, normalised(own)},
        {{"group_norm", {f({5, 8}), absent, absent}, groups(1), "without_gamma"}, normalised(own)},
    };
}

std::vector<CudnnUse> attentionUses()
{
    const auto uses = [](const char* kernel) {
        return Kernels{{"attention", kernel}, {"attention_backward", kernel}};
    };
    const Kernels graph = uses("cuDNN attention");
    const Kernels own = uses("own");
    const auto bf16 = backend::Precision::Bf16;
    const Shape q{2, 5, 16};
    const Shape k{2, 7, 16};
    const Shape v{2, 7, 32};
    const TensorType counter{Shape{4}, DType::I32};
    return {
        {{"attention", {f(q), f(k), f(v), absent, absent}, attend(2, false, 0), "heads"}, graph, bf16},
        {{"attention", {f(k), f(k), f(v), absent, absent}, attend(1, true, 0), "causal"}, graph, bf16},
        {{"attention", {f(q), f(k), f(v), f({2, 7}), absent}, attend(2, false, 0), "mask"}, own, bf16},
        {{"attention", {f(q), f(k), f(v), absent, counter}, attend(2, false, 0.3), "dropout"}, own, bf16},
        {{"attention", {f(q), f(k), f(v), absent, absent}, attend(4, false, 0), "small_heads"}, own, bf16},
        {{"attention", {f(q), f(k), f(v), absent, absent}, attend(2, false, 0), "long_numbers"}, own},
    };
}

class EveryCudnnUse : public testing::TestWithParam<CudnnUse>
{
};

TEST_P(EveryCudnnUse, AgreesWithTheCpuAndIsNamed)
{
    Pretended pretended;
    Kernels kernels;
    backend::DeviceOptions options;
    options.precision = GetParam().precision;
    EXPECT_LT(
        worstDifference(GetParam().what, pretended.open(options), 11, &kernels), GetParam().tolerance());
    for (const auto& [op, kernel] : GetParam().kernels)
        EXPECT_EQ(kernels[op], kernel) << op;
    EXPECT_TRUE(pretended.dnn.complaints.empty()) << pretended.dnn.complaints.front();
    EXPECT_TRUE(graphComplaints().empty()) << graphComplaints().front();
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryCudnnUse, testing::ValuesIn(attentionUses()),
    [](const auto& info) { return info.param.what.op + "_" + info.param.what.name; });
INSTANTIATE_TEST_SUITE_P(Candidates, EveryCudnnUse, testing::ValuesIn(cudnnUses()),
    [](const auto& info) { return info.param.what.op + "_" + info.param.what.name; });

/// A program with one input, whose output "y" is compared with the CPU's.
struct SmallProgram
{
    ir::Builder b;
    ValueId x, y = ir::noValue;

    explicit SmallProgram(const TensorType& type) : x(b.input("x", type)) {}

    Tensor run(std::unique_ptr<backend::Backend> device, Kernels* kernels = nullptr)
    {
        auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
        const auto executable = device->load(plan, {}).value();
        if (kernels)
            for (size_t i = 0; i < plan->program.ops.size(); ++i)
                (*kernels)[plan->program.ops[i].type->id] = executable->kernels()[i];
        Random random(2);
        Tensor input(b.shape(x));
        for (float& number : input.floats())
            number = random.uniform(-1, 0);
        executable->write(x, {input.data(), static_cast<size_t>(input.bytes())});
        executable->poison();
        executable->run();
        Tensor result(b.shape(y));
        executable->read(y, {result.data(), static_cast<size_t>(result.bytes())});
        return result;
    }
};

/// Attention over one sequence with itself, twice one on the other, in use or in training.
struct TwoAttentions
{
    SmallProgram program{f({2, 6, 16})};

    explicit TwoAttentions(bool training)
    {
        ir::Builder& b = program.b;
        program.y = program.x;
        for (int i = 0; i < 2; ++i)
            program.y = b.ops("attention", {program.y, program.y, program.y, ir::noValue, ir::noValue},
                attend(2, true, 0))[0];
        b.output("y", program.y);
        if (training)
            b.output("gradient",
                ir::differentiate(b, b.reduceAll("sum", b.unary("square", program.y)), {{program.x}})[0]);
    }

    std::string kernel(Pretended& pretended)
    {
        backend::DeviceOptions options;
        options.precision = backend::Precision::Bf16;
        Kernels kernels;
        const Tensor actual = program.run(pretended.open(options), &kernels);
        EXPECT_LT(difference(program.run(backend::open("cpu", {1}).value()), actual), 2e-2);
        EXPECT_TRUE(graphComplaints().empty()) << graphComplaints().front();
        return kernels["attention"];
    }
};

TEST(CudnnGraphs, AreCompiledOnceForAllLayersOfOneSize)
{
    Pretended pretended;
    EXPECT_EQ(TwoAttentions(true).kernel(pretended), "cuDNN attention");
    EXPECT_EQ(pretended.dnn.compiledGraphs, 2) << "one a direction";
    EXPECT_EQ(TwoAttentions(false).kernel(pretended), "cuDNN attention");
    EXPECT_EQ(pretended.dnn.compiledGraphs, 2);
}

TEST(CudnnGraphs, MustBeKnownToWorkAndNeedLittleMemory)
{
    Pretended hungry;
    hungry.dnn.graphWorkspace = int64_t{1} << 40;
    EXPECT_EQ(TwoAttentions(true).kernel(hungry), "own");
    Pretended incapable;
    incapable.dnn.broken = "cudnnBackendFinalize";
    EXPECT_EQ(TwoAttentions(true).kernel(incapable), "own");
    const int attempts = incapable.dnn.refusedGraphs;
    EXPECT_GT(attempts, 0);
    EXPECT_EQ(TwoAttentions(false).kernel(incapable), "own");
    EXPECT_EQ(incapable.dnn.refusedGraphs, attempts)
        << "another choice, for which the graph is known to be refused";
    Pretended early;
    pretendedVersion() = 91500;
    EXPECT_EQ(TwoAttentions(true).kernel(early), "own");
    EXPECT_EQ(early.dnn.compiledGraphs, 0);
    pretendedVersion() = CUDNN_VERSION;
}

TEST(CudnnPooling, FindsMaximaWhereNobodyAsksForTheirPlaces)
{
    SmallProgram program(f({2, 7, 6, 3}));
    program.y = program.b.ops("max_pool2d", {program.x}, window({3, 3}, {1, 2}, {1, 1, 1, 1}))[0];
    program.b.output("y", program.y);
    Pretended pretended;
    Kernels kernels;
    const Tensor actual = program.run(pretended.open(), &kernels);
    EXPECT_LT(difference(program.run(backend::open("cpu", {1}).value()), actual), 1e-6);
    EXPECT_EQ(kernels["max_pool2d"], "cuDNN pooling");
}

TEST(CudnnMemory, IsCopiedWhereATensorBeginsAnywhere)
{
    SmallProgram program(f({3, 5}));
    const ValueId first = program.b.unary("square", program.x);
    const ValueId second = program.b.unary("exp", program.x);
    program.b.output("both", program.b.op("concat", {first, second}, {{"axis", int64_t{0}}}));
    program.y = program.b.op("softmax", {second});
    program.b.output("y", program.y);
    const compile::Plan plan = compile::plan(program.b.program());
    EXPECT_NE(plan.locations[static_cast<size_t>(second)].offset % 16, 0);
    Pretended pretended;
    Kernels kernels;
    const Tensor actual = program.run(pretended.open(), &kernels);
    EXPECT_LT(difference(program.run(backend::open("cpu", {1}).value()), actual), 1e-6);
    EXPECT_EQ(kernels["softmax"], "cuDNN softmax");
}

/// Trials leave the weights as they were made, and gradients are brought to where the optimizer reads them.
TEST(CudnnSteps, GiveTheLossesOfTheCpu)
{
    using test::node;
    const graph::Graph graph = test::chain(
        {node("in", "input", {{"shape", std::vector<int64_t>{7, 7, 3}}}), node("norm", "batch_norm"),
            node("pool", "avg_pool2d"), node("steps", "reshape", {{"shape", std::vector<int64_t>{9, 3}}}),
            node("lstm", "lstm", {{"units", int64_t{5}}}), node("scores", "dense", {{"units", int64_t{3}}}),
            node("shares", "softmax"), node("more", "dense", {{"units", int64_t{2}}}),
            node("loss", "cross_entropy")});
    Pretended pretended;
    Kernels kernels;
    const auto actual = stepLosses(graph, pretended.open(), &kernels);
    const auto expected = stepLosses(graph, backend::open("cpu", {1}).value());
    for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(actual[i], expected[i], 1e-5) << "step " << i;
    for (const std::string op : {"batch_norm", "avg_pool2d", "lstm", "softmax"}) {
        EXPECT_TRUE(kernels[op].starts_with("cuDNN")) << op << " " << kernels[op];
        EXPECT_TRUE(kernels[op + "_backward"].starts_with("cuDNN")) << op << " " << kernels[op + "_backward"];
    }
    EXPECT_TRUE(pretended.dnn.complaints.empty()) << pretended.dnn.complaints.front();
}

/// What cuDNN would compute in a network is checked with it, operation and adjoint.
TEST(CudnnCandidates, AreAllUsedBySomeCaseOfTheSelfcheck)
{
    const auto cpu = backend::open("cpu", {1}).value();
    train::CheckCases cases(*cpu, 3);
    ASSERT_TRUE(train::addAllPrograms(cases));
    Pretended pretended;
    std::set<std::pair<std::string, std::string>> missing; // by operation
    for (const cuda::Candidate& candidate : pretended.alternatives.candidates) {
        missing.emplace(candidate.op, candidate.name);
        if (candidate.adjoint)
            missing.emplace(candidate.adjoint->op, candidate.name);
    }
    backend::DeviceOptions options;
    options.precision = backend::Precision::Bf16; // without which attention is not cuDNN's
    const auto device = pretended.open(options);
    for (const train::CheckCase& one : cases.take()) {
        const auto& ops = one.plan->program.ops;
        const auto isMissing = [&](const ir::Op& op) {
            return std::any_of(
                missing.begin(), missing.end(), [&](const auto& use) { return use.first == op.type->id; });
        };
        if (std::none_of(ops.begin(), ops.end(), isMissing))
            continue;
        const auto kernels = device->load(one.plan, {}).value()->kernels();
        for (size_t i = 0; i < ops.size(); ++i)
            missing.erase({ops[i].type->id, kernels[i]});
    }
    for (const auto& [op, name] : missing)
        ADD_FAILURE() << name << " is never used for " << op;
}

TEST(CudnnFaults, SayWhenMemoryIsShort)
{
    const auto fail = [](cudnnStatus_t status) { cuda::check(status, "starting"); };
    EXPECT_THROW(fail(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED), cuda::OutOfDeviceMemory);
    EXPECT_THROW(fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED), cuda::OutOfDeviceMemory);
    try {
        fail(CUDNN_STATUS_EXECUTION_FAILED);
        FAIL();
    } catch (const cuda::OutOfDeviceMemory&) {
        FAIL();
    } catch (const backend::DeviceFailure& failure) {
        EXPECT_STREQ(failure.what(), "cuDNN failed while starting: refused. Start again, on the CPU if it "
                                     "fails once more.");
    }
}

TEST(CudnnFaults, LeaveTheOwnKernelsInPlace)
{
    const Case rows{"softmax", {f({5, 7})}, {}, ""};
    for (const bool broken : {true, false}) {
        Pretended pretended;
        (broken ? pretended.dnn.broken : pretended.dnn.wrong) = "cudnnSoftmaxForward";
        Kernels kernels;
        EXPECT_LT(worstDifference(rows, pretended.open(), 11, &kernels), 2e-5);
        EXPECT_EQ(kernels["softmax"], "own");
        EXPECT_EQ(kernels["softmax_backward"], "cuDNN softmax");
    }
}

} // namespace
} // namespace gradloom::tests
