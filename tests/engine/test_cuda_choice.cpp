#include "engine/backend/cuda/functors/rows.h"
#include "tests/engine/cuda_compare.h"
#include "tests/engine/emulated_cuda.h"

#include <gtest/gtest.h>

/// How a GPU chooses between the own kernels and others.
namespace gradloom::tests {
namespace {

using cuda::Candidate;
using cuda::Preparation;

const Case rows{"softmax", {{Shape{5, 7}, DType::F32}}, {}, ""};

void addSoftmax(Preparation& p, bool logarithm)
{
    const Shape& x = p.inShape(0);
    p.teams(x.elements() / x[-1], cuda::Softmax{p.in(0), p.out(), x[-1], logarithm}, cuda::teamForRow(x[-1]));
}

Candidate right(const std::string& name = "right")
{
    return {name, "softmax", [](Preparation& p) {
                addSoftmax(p, false);
                return true;
            }};
}

/// A device that takes so long for the own kernels and for each candidate that gets as far.
struct Choosing
{
    cuda::Alternatives alternatives;
    EmulatedTrial* trial;

    Choosing(cuda::Candidates candidates, std::vector<float> times)
    {
        auto device = std::make_unique<EmulatedTrial>(std::move(times));
        trial = device.get();
        alternatives.candidates = std::move(candidates);
        alternatives.device = std::move(device);
    }

    /// What computes the softmax; its results are checked.
    std::string kernel(const Case& c = rows, const backend::DeviceOptions& options = {})
    {
        std::map<std::string, std::string> kernels;
        EXPECT_LT(worstDifference(c, openEmulatedCuda(options, true, &alternatives), 3, &kernels), 2e-5);
        return kernels["softmax"];
    }
};

TEST(CudaChoice, TakesTheFastest)
{
    EXPECT_EQ(Choosing({right()}, {2, 1}).kernel(), "right");
    EXPECT_EQ(Choosing({right()}, {1, 2}).kernel(), "own");
    EXPECT_EQ(Choosing({right("a"), right("b"), right("c")}, {4, 3, 1, 2}).kernel(), "b");
}

TEST(CudaChoice, KeepsTheOwnKernelsWhereLittleIsGained)
{
    EXPECT_EQ(Choosing({right()}, {1, 0.97F}).kernel(), "own");
}

TEST(CudaChoice, RefusesOtherResults)
{
    const Candidate wrong{"wrong", "softmax", [](Preparation& p) {
                              addSoftmax(p, true);
                              return true;
                          }};
    const Candidate empty{"empty", "softmax", [](Preparation&) { return true; }};
    EXPECT_EQ(Choosing({wrong}, {2, 1}).kernel(), "own");
    EXPECT_EQ(Choosing({empty}, {2, 1}).kernel(), "own");
    EXPECT_EQ(Choosing({wrong, empty, right()}, {2, 1}).kernel(), "right");
}

TEST(CudaChoice, PassesOverWhatFailsOrNeedsMuchOrCannotComputeTheSizes)
{
    const Candidate unable{"unable", "softmax", [](Preparation&) { return false; }};
    const Candidate unprepared{"unprepared", {"softmax"},
        [](Preparation&) -> bool { throw backend::DeviceFailure("not supported"); }};
    const Candidate hungry{"hungry", "softmax", [](Preparation& p) {
                               p.scratch<std::byte>(cuda::workspaceLimit + 1);
                               addSoftmax(p, false);
                               return true;
                           }};
    const Candidate failing{"failing", "softmax", [](Preparation& p) {
                                p.launch(
                                    [](const cuda::Context&) { throw backend::DeviceFailure("failed"); });
                                return true;
                            }};
    EXPECT_EQ(Choosing({unable, unprepared, hungry, failing}, {2, 1}).kernel(), "own");
    EXPECT_EQ(Choosing({unable, unprepared, hungry, failing, right()}, {2, 1}).kernel(), "right");
}

TEST(CudaChoice, IsRememberedForShapesAndPrecision)
{
    Choosing choosing({right()}, {2, 1, 1, 2});
    EXPECT_EQ(choosing.kernel(), "right");
    EXPECT_EQ(choosing.kernel(), "right");
    EXPECT_EQ(choosing.trial->measurements(), 2);
    const Case more{"softmax", {{Shape{6, 7}, DType::F32}}, {}, ""};
    EXPECT_EQ(choosing.kernel(more), "own");
    EXPECT_EQ(choosing.trial->measurements(), 4);
    backend::DeviceOptions strict;
    strict.precision = backend::Precision::Float32;
    EXPECT_EQ(choosing.kernel(rows, strict), "right");
    EXPECT_EQ(choosing.trial->measurements(), 6);
    EXPECT_EQ(choosing.alternatives.times.size(), 3U);
}

TEST(CudaChoice, IsNotMadeWhereTheSameBitsAreAskedFor)
{
    Choosing choosing({right()}, {2, 1});
    backend::DeviceOptions options;
    options.deterministic = true;
    EXPECT_EQ(choosing.kernel(rows, options), "own");
    EXPECT_EQ(choosing.trial->measurements(), 0);
}

TEST(CudaChoice, KeepsTheOwnKernelsWhereMemoryIsShort)
{
    struct Full : EmulatedTrial
    {
        using EmulatedTrial::EmulatedTrial;
        std::shared_ptr<std::byte> allocate(int64_t) override { throw backend::OutOfDeviceMemory("full"); }
    };
    Choosing choosing({right()}, {2, 1});
    choosing.alternatives.device = std::make_unique<Full>(std::vector<float>{2, 1});
    EXPECT_EQ(choosing.kernel(), "own");
    choosing.alternatives.device = std::make_unique<EmulatedTrial>(std::vector<float>{2, 1});
    EXPECT_EQ(choosing.kernel(), "right") << "it is tried when there is memory";
}

/// A softmax that writes to all of the memory it asks for.
Candidate spacious(const std::string& name, int64_t bytes)
{
    return {name, "softmax", [bytes](Preparation& p) {
                std::byte* memory = p.scratch<std::byte>(bytes);
                p.launch([=](const cuda::Context&) { std::fill_n(memory, bytes, std::byte{0xff}); });
                addSoftmax(p, false);
                return true;
            }};
}

TEST(CudaChoice, TakesTheFastestThatThereIsRoomFor)
{
    Choosing choosing({spacious("wide", 8192), spacious("narrow", 1024)}, {3, 1, 2});
    const auto kernelIn = [&](int64_t room) {
        const auto device = openEmulatedCuda({}, true, &choosing.alternatives, room);
        ir::Builder b;
        const ir::ValueId y = b.op("softmax", {b.input("x", rows.inputs[0])});
        b.output("y", y);
        const auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
        const auto executable = device->load(plan, {}).value();
        EXPECT_LE(executable->memoryBytes(), device->planBytes(*plan) + room);
        return executable->kernels()[0];
    };
    EXPECT_EQ(kernelIn(0), "own");
    EXPECT_EQ(kernelIn(1023), "own");
    EXPECT_EQ(kernelIn(1024), "narrow");
    EXPECT_EQ(kernelIn(8191), "narrow");
    EXPECT_EQ(kernelIn(8192), "wide");
    EXPECT_EQ(choosing.trial->measurements(), 3) << "all from one trial, in which memory was there";
}

TEST(CudaChoice, LeavesTheModelAsItIs)
{
    ir::Builder b;
    const ir::ValueId w = b.parameter("w", Shape{2, 3}, {}, true);
    const ir::ValueId y = b.op("softmax", {w});
    b.output("y", y);
    const auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
    Choosing choosing({right()}, {2, 1});
    const auto device = openEmulatedCuda({}, true, &choosing.alternatives);
    const backend::ModelMemory model = backend::allocateModel(*device, plan->program).value();
    const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
    model.parameters->upload(std::as_bytes(std::span(numbers)), 0);
    const auto executable = device->load(plan, model).value();
    std::vector<float> left(numbers.size());
    model.parameters->download(std::as_writable_bytes(std::span(left)), 0);
    EXPECT_EQ(left, numbers);
    EXPECT_EQ(executable->kernels()[0], "right");
    executable->run();
    executable->read(y, std::as_writable_bytes(std::span(left)));
    EXPECT_NEAR(left[0], std::exp(-2) / (1 + std::exp(-1) + std::exp(-2)), 1e-6);
}

/// Computes softmax and its adjoint from notes of its own.
Candidate noting(int64_t& bytes)
{
    return {"noting", "softmax",
        [&bytes](Preparation& p) {
            const int64_t size = p.outShape().elements();
            bytes = size * 4;
            auto* notes = reinterpret_cast<float*>(p.kept(bytes));
            if (p.op.inputs.size() == 1) {
                addSoftmax(p, false);
                p.launch([=, y = p.out()](const cuda::Context&) { std::copy_n(y, size, notes); });
            } else {
                const int64_t columns = p.outShape()[-1];
                p.teams(size / columns, cuda::SoftmaxGradient{notes, p.in(1), p.out(), columns},
                    cuda::teamForRow(columns));
            }
            return true;
        },
        Candidate::Adjoint{"softmax_backward", 0, 0}};
}

TEST(CudaChoice, KeepsNotesOfEachOperationForItsAdjoint)
{
    ir::Builder b;
    const TensorType type{Shape{3, 4}, DType::F32};
    const ir::ValueId x = b.input("x", type);
    const ir::ValueId y = b.op("softmax", {b.op("softmax", {x})});
    const ir::ValueId coefficients = b.input("c", type);
    const ir::ValueId loss = b.reduceAll("sum", b.mul(y, coefficients));
    const std::vector<ir::ValueId> leaves{x};
    const ir::ValueId gradient = ir::differentiate(b, loss, leaves)[0];
    b.output("gradient", gradient);
    auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
    int64_t bytes = 0;
    Choosing choosing({noting(bytes)}, {2, 1});
    std::vector<Tensor> results;
    // Notes of both softmaxes, of one (there is no room for more), of none.
    for (const auto& [room, noted] : {std::pair(512, 4), std::pair(511, 2), std::pair(255, 0)}) {
        const auto device = openEmulatedCuda({}, true, &choosing.alternatives, room);
        const auto executable = device->load(plan, {}).value();
        EXPECT_LE(executable->memoryBytes(), device->planBytes(*plan) + room);
        Random random(5);
        for (const ir::ValueId id : {x, coefficients}) {
            Tensor t(type.shape);
            for (float& number : t.floats())
                number = random.uniform(-1, 1);
            executable->write(id, {t.data(), static_cast<size_t>(t.bytes())});
        }
        executable->poison();
        executable->run();
        results.emplace_back(type.shape);
        executable->read(gradient, {results.back().data(), static_cast<size_t>(results.back().bytes())});
        const auto kernels = executable->kernels();
        EXPECT_EQ(std::ranges::count(kernels, "noting"), noted);
    }
    for (const Tensor& result : results)
        EXPECT_TRUE(std::ranges::equal(results[0].floats(), result.floats()));
}

} // namespace
} // namespace gradloom::tests
