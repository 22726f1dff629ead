#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/ir/builder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <new>

namespace {
/// Counts what the program allocates, to see that a step allocates nothing.
thread_local int64_t allocations = 0;
} // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they bring their own
// GCC inlines only one half of the pair and takes it for a mistake.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(size_t bytes)
{
    ++allocations;
    if (void* memory = std::malloc(bytes ? bytes : 1))
        return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, size_t) noexcept
{
    std::free(memory);
}
#endif

namespace gradloom::tests {
namespace {

using ir::Builder;
using ir::noValue;
using ir::ValueId;

int count(const ir::Program& program, const std::string& type)
{
    int found = 0;
    for (const auto& op : program.ops)
        found += op.type->id == type;
    return found;
}

Params convolution()
{
    const std::vector<int64_t> one{1, 1};
    return {{"stride", one}, {"padding", std::vector<int64_t>{0, 0, 0, 0}}, {"dilation", one}, {"groups", int64_t{1}}};
}

Params pooling()
{
    const std::vector<int64_t> two{2, 2};
    return {{"kernel", two}, {"stride", two}, {"padding", std::vector<int64_t>{0, 0, 0, 0}}};
}

/// Convolution, ReLU, pooling, dense: with gradients packed into one vector and plain gradient descent.
struct SmallNet
{
    Builder b;
    ValueId input, labels, loss, gradients, parameters;

    explicit SmallNet(bool fuse = true)
    {
        input = b.input("input", {Shape{4, 9, 9, 2}, DType::F32});
        labels = b.input("labels", {Shape{4}, DType::I32});
        const ValueId w1 = b.parameter("w1", Shape{3, 3, 2, 5}, {"he_normal", 18, 45}, true);
        const ValueId b1 = b.parameter("b1", Shape{5}, {"zeros"}, true);
        const ValueId w2 = b.parameter("w2", Shape{45, 3}, {"glorot_uniform", 45, 3}, true);
        ValueId y = b.unary("relu", b.op("conv2d", {input, w1, b1}, convolution()));
        y = b.reshape(b.op("max_pool2d", {y}, pooling()), Shape{4, 45});
        y = b.op("gemm", {y, w2, noValue}, {{"trans_a", false}, {"trans_b", false}});
        loss = b.reduceAll("mean", b.op("softmax_cross_entropy", {y, labels}));
        if (fuse)
            compile::fuseActivations(b.program());
        const std::vector<ValueId> weights{w1, b1, w2};
        std::vector<ValueId> parts;
        for (ValueId g : ir::differentiate(b, loss, weights))
            parts.push_back(b.reshape(g, Shape{b.shape(g).elements()}));
        gradients = b.op("concat", parts, {{"axis", int64_t{0}}});
        parameters = b.flatParameters();
        b.update(parameters, b.sub(parameters, b.scale(gradients, 0.1)));
        b.output("loss", loss);
    }
};

/// Memory of two values may overlap only where one of them is over before the other begins, or where they are meant to
/// be one (reshape, packed part, in place).
TEST(Plan, KeepsWhatIsStillReadIntact)
{
    // Running twice the same program, once with every value kept apart, must give the same numbers: any wrongly shared
    // memory shows up as a difference.
    SmallNet shared;
    SmallNet apart;
    for (size_t i = 0; i < apart.b.program().values.size(); ++i)
        if (apart.b.program().values[i].segment == ir::Segment::Arena)
            apart.b.output("keep" + std::to_string(i), static_cast<ValueId>(i));
    std::vector<std::vector<float>> results;
    for (SmallNet* net : {&shared, &apart}) {
        const auto device = backend::open("cpu", {2}).value();
        const auto plan = std::make_shared<compile::Plan>(compile::plan(net->b.program()));
        const auto model = backend::allocateModel(*device, plan->program).value();
        const auto step = device->load(plan, model).value();
        Random random(5);
        Tensor weights(Shape{plan->program.parameterElements});
        for (float& x : weights.floats())
            x = 0.3F * random.normal();
        model.parameters->upload({weights.data(), static_cast<size_t>(weights.bytes())}, 0);
        Tensor x(Shape{4, 9, 9, 2});
        for (float& v : x.floats())
            v = random.normal();
        const int32_t labels[4] = {0, 2, 1, 2};
        step->write(net->input, {x.data(), static_cast<size_t>(x.bytes())});
        step->write(net->labels, std::as_bytes(std::span(labels)));
        for (int i = 0; i < 5; ++i) {
            step->poison();
            step->run();
        }
        model.parameters->download({weights.data(), static_cast<size_t>(weights.bytes())}, 0);
        results.emplace_back(weights.floats().begin(), weights.floats().end());
    }
    EXPECT_EQ(results[0], results[1]);
    for (float w : results[0])
        ASSERT_TRUE(std::isfinite(w));
    EXPECT_LT(compile::plan(shared.b.program()).arenaBytes, compile::plan(apart.b.program()).arenaBytes);
}

TEST(Plan, WritesParametersAndGradientsWithoutCopies)
{
    const compile::Plan plan = compile::plan(SmallNet().b.program());
    EXPECT_TRUE(plan.copies.empty());
    // Every part of the packed gradient is computed in its place.
    for (const auto& op : plan.program.ops) {
        if (op.type->id != "concat")
            continue;
        int64_t offset = plan.locations[static_cast<size_t>(op.outputs[0])].offset;
        for (ValueId part : op.inputs) {
            EXPECT_EQ(plan.locations[static_cast<size_t>(part)].offset, offset);
            offset += plan.program.typeOf(part).bytes();
        }
    }
}

TEST(Plan, IsRunInPartsBetweenWhichDevicesAddUp)
{
    // y = Σ over devices (2·Σ over devices x + s); s becomes y.
    Builder b;
    const ValueId x = b.input("x", {Shape{4}, DType::F32});
    const ValueId state = b.state("s", Shape{4}, {"ones"});
    const ValueId y = b.op("sum_over_devices", {b.add(b.scale(b.op("sum_over_devices", {x}), 2), state)});
    b.update(state, y);
    b.output("x", x); // and is as it was afterwards
    const auto plan = std::make_shared<const compile::Plan>(compile::plan(b.program()));
    ASSERT_EQ(plan->sums.size(), 2U);
    EXPECT_EQ(plan->part(0), (std::pair<size_t, size_t>(0, 1)));
    EXPECT_EQ(plan->part(2).second, plan->program.ops.size());
    EXPECT_EQ(plan->copies.size(), 1U) << "what devices add up is in the step's own memory";
    const auto device = backend::open("cpu", {1}).value();
    const auto model = backend::allocateModel(*device, plan->program).value();
    const auto step = device->load(plan, model).value();
    const std::vector<float> given{1, 2, 3, 4};
    step->write(x, std::as_bytes(std::span(given)));
    std::vector<float> read(4);
    const auto bytes = std::as_writable_bytes(std::span(read));
    step->poison();
    step->run();
    model.state->download(bytes, 0);
    EXPECT_EQ(read, (std::vector<float>{2, 4, 6, 8})) << "one device has its own";
    for (size_t part = 0; part < 3; ++part) {
        step->runPart(part);
        if (part == 2)
            break;
        const backend::MemoryRange& sum = step->sums()[part];
        ASSERT_EQ(sum.elements, 4);
        sum.memory->download(bytes, sum.firstElement * 4);
        for (float& number : read)
            number += 100; // of another device
        sum.memory->upload(bytes, sum.firstElement * 4);
    }
    model.state->download(bytes, 0);
    EXPECT_EQ(read, (std::vector<float>{304, 308, 312, 316})) << "2·(x + 100) + s + 100";
    step->read(x, bytes);
    EXPECT_EQ(read, given);
}

TEST(Plan, KeepsSumsOfDevicesInTheStepsOwnMemory)
{
    // A concatenation that becomes the state is written there at once, but for what devices add up.
    Builder b;
    const ValueId x = b.input("x", {Shape{4}, DType::F32});
    const ValueId state = b.state("s", Shape{8}, {"ones"});
    const std::vector<ValueId> parts{b.reshape(b.op("sum_over_devices", {x}), Shape{4}), b.scale(x, 2)};
    b.update(state, b.op("concat", parts, {{"axis", int64_t{0}}}));
    compile::Plan plan = compile::plan(b.program());
    EXPECT_TRUE(plan.copies.empty());
    const auto place = [&](ValueId id) -> compile::Location& { return plan.locations[static_cast<size_t>(id)]; };
    EXPECT_EQ(place(parts[1]).segment, ir::Segment::State);
    ASSERT_EQ(plan.sums.size(), 1U);
    EXPECT_EQ(place(plan.program.ops[plan.sums[0]].outputs[0]).segment, ir::Segment::Arena);

    const auto device = backend::open("cpu", {1}).value();
    const auto model = backend::allocateModel(*device, plan.program).value();
    const auto step = device->load(std::make_shared<const compile::Plan>(plan), model).value();
    const std::vector<float> given{1, 2, 3, 4};
    step->write(x, std::as_bytes(std::span(given)));
    step->poison();
    step->runPart(0);
    const backend::MemoryRange& sum = step->sums()[0];
    const std::vector<float> total{11, 12, 13, 14}; // with another device's
    sum.memory->upload(std::as_bytes(std::span(total)), sum.firstElement * 4);
    step->runPart(1);
    std::vector<float> read(8);
    model.state->download(std::as_writable_bytes(std::span(read)), 0);
    EXPECT_EQ(read, (std::vector<float>{11, 12, 13, 14, 2, 4, 6, 8}));

    place(plan.program.ops[plan.sums[0]].outputs[0]) = place(parts[1]);
    EXPECT_THROW(backend::sumsOf(plan, nullptr), std::logic_error) << "else other memory would be added up";
}

TEST(Plan, CopiesAnUpdateWhoseOldValueIsStillRead)
{
    Builder b;
    const ValueId state = b.state("s", Shape{4}, {"ones"});
    const ValueId next = b.offset(state, 1);
    b.update(state, next);
    // A reduction of the old state comes after the new one was computed.
    b.output("old", b.reduceAll("sum", state));
    const compile::Plan plan = compile::plan(b.program());
    ASSERT_EQ(plan.copies.size(), 1U);
    const auto device = backend::open("cpu", {1}).value();
    const auto model = backend::allocateModel(*device, plan.program).value();
    const auto step = device->load(std::make_shared<compile::Plan>(plan), model).value();
    float old = 0;
    for (int i = 0; i < 3; ++i) {
        step->run();
        step->read(b.program().outputs.at("old"), std::as_writable_bytes(std::span(&old, 1)));
        EXPECT_EQ(old, 4.0F * static_cast<float>(i));
    }
}

TEST(Passes, FuseReluIntoTheConvolution)
{
    SmallNet net;
    for (const auto& op : net.b.program().ops) {
        if (op.type->id == "conv2d") {
            EXPECT_EQ(op.attributes.text("activation"), "relu");
        }
        EXPECT_FALSE(op.type->id == "unary" && op.attributes.text("fn") == "relu");
    }
}

TEST(Passes, LeaveAReluAloneWhoseOperandIsReadElsewhere)
{
    Builder b;
    const ValueId x = b.input("x", {Shape{2, 3}, DType::F32});
    const ValueId w = b.input("w", {Shape{3, 4}, DType::F32});
    const ValueId y = b.op("gemm", {x, w, noValue}, {{"trans_a", false}, {"trans_b", false}});
    b.output("before", y);
    b.output("after", b.unary("relu", y));
    compile::fuseActivations(b.program());
    EXPECT_EQ(count(b.program(), "unary"), 1);
}

TEST(Passes, SinkTheMaskBelowThePooling)
{
    SmallNet net;
    compile::removeDeadCode(net.b.program());
    const int before = count(net.b.program(), "binary");
    compile::sinkMasksBelowPooling(net.b.program());
    EXPECT_EQ(count(net.b.program(), "binary"), before - 1);
    for (const auto& op : net.b.program().ops)
        if (op.type->id == "max_pool2d_backward") {
            EXPECT_NE(op.inputs[2], noValue);
        }
}

TEST(Passes, TheGradientOfDropoutBehindAReluDrawsNothing)
{
    std::vector<std::vector<float>> results;
    for (const bool drawn : {true, false}) {
        Builder b;
        const ValueId x = b.input("x", {Shape{40, 30}, DType::F32});
        const ValueId counter = b.input("counter", {Shape{4}, DType::I32});
        const ValueId y = b.op("dropout", {b.unary("relu", x), counter}, {{"rate", 0.3}, {"stream", int64_t{5}}});
        const ValueId loss = b.reduceAll("sum", b.unary("exp", y));
        const ValueId gradient = ir::differentiate(b, loss, std::vector<ValueId>{x})[0];
        b.output("gradient", gradient);
        for (const auto& op : b.program().ops)
            if (drawn && op.outputs[0] == gradient)
                b.output("dropped", op.inputs[0]); // somebody else wants what the dropout makes of the gradient
        const auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
        EXPECT_EQ(count(plan->program, "dropout"), drawn ? 2 : 1);
        const auto device = backend::open("cpu", {2}).value();
        const auto step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
        Random random(5);
        std::vector<float> values(1200);
        for (float& v : values)
            v = random.normal();
        const int32_t words[4] = {7, 0, 3, 0};
        step->write(x, std::as_bytes(std::span(values)));
        step->write(counter, std::as_bytes(std::span(words)));
        step->run();
        step->read(gradient, std::as_writable_bytes(std::span(values)));
        results.push_back(values);
    }
    EXPECT_EQ(results[0], results[1]);
    const auto zeros = std::count(results[1].begin(), results[1].end(), 0.0F);
    EXPECT_GT(zeros, 600); // half of them, and three tenths of the others
    EXPECT_LT(zeros, 900);
}

TEST(Passes, FuseChainsButNotAcrossAReader)
{
    Builder b;
    const ValueId x = b.input("x", {Shape{8}, DType::F32});
    const ValueId a = b.unary("exp", x);
    const ValueId s = b.reduceAll("sum", a); // reads a before c exists: a must be computed before
    const ValueId c = b.mul(b.offset(a, 1), s);
    b.output("c", b.unary("tanh", c));
    compile::fusePointwise(b.program());
    EXPECT_EQ(count(b.program(), "unary"), 1);
    EXPECT_EQ(count(b.program(), "pointwise"), 1);
}

/// Convolution, batch normalisation with ReLU and the gradients of both, with one more reader of the statistics.
struct NormalizedConvolution
{
    std::map<std::string, std::vector<float>> results;
    std::vector<std::string> fused;

    NormalizedConvolution(int64_t groups, bool fuse)
    {
        Builder b;
        Params window = convolution();
        window.set("padding", std::vector<int64_t>{1, 1, 1, 1});
        window.set("groups", groups);
        const ValueId x = b.input("x", {Shape{6, 12, 13, 16}, DType::F32});
        const ValueId w = b.input("w", {Shape{3, 3, 16 / groups, 16}, DType::F32});
        const ValueId bias = b.input("bias", {Shape{16}, DType::F32});
        const ValueId gamma = b.input("gamma", {Shape{16}, DType::F32});
        const ValueId beta = b.input("beta", {Shape{16}, DType::F32});
        const ValueId c = b.input("c", {Shape{6, 12, 13, 16}, DType::F32});
        const ValueId product = b.op("conv2d", {x, w, bias}, window);
        const auto norm = b.ops("batch_norm", {product, gamma, beta}, {{"epsilon", 1e-3}});
        const ValueId y = b.unary("relu", norm[0]);
        b.output("y", y);
        b.output("mean", b.scale(norm[1], 2));
        b.output("variance", norm[2]);
        compile::fuseActivations(b.program());
        const ValueId leaves[] = {x, w, gamma, beta};
        const auto gradients = ir::differentiate(b, b.reduceAll("sum", b.mul(y, c)), leaves);
        for (size_t i = 0; i < gradients.size(); ++i)
            b.output("gradient" + std::to_string(i), gradients[i]);
        const auto device = backend::open("cpu", {2}).value();
        const auto plan = std::make_shared<compile::Plan>(
            compile::plan(b.program(), fuse ? device->planOptions() : compile::PlanOptions{}));
        for (const auto& op : plan->program.ops)
            if (op.type->id.starts_with("conv2d") || op.type->id == "batch_norm")
                fused.push_back(op.type->id + ": " + compile::fusionOf(plan->program, op));
        const auto step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
        Random random(5);
        for (const ValueId id : {x, w, bias, gamma, beta, c}) {
            std::vector<float> values(static_cast<size_t>(b.shape(id).elements()));
            for (float& v : values)
                v = random.normal();
            step->write(id, std::as_bytes(std::span(values)));
        }
        step->poison();
        step->run();
        for (const auto& [name, id] : plan->program.outputs) {
            results[name].resize(static_cast<size_t>(plan->program.typeOf(id).shape.elements()));
            step->read(id, std::as_writable_bytes(std::span(results[name])));
        }
    }
};

TEST(Passes, TheConvolutionTakesStatisticsAndJoinsItsGradients)
{
    for (const int64_t groups : {1, 2, 16}) {
        const NormalizedConvolution apart(groups, false);
        const NormalizedConvolution together(groups, true);
        const std::vector<std::string> gradients{"conv2d_weights_gradient: ", "conv2d_transpose: "};
        std::vector<std::string> fused{"conv2d: bias", "batch_norm: relu"};
        fused.insert(fused.end(), gradients.begin(), gradients.end());
        EXPECT_EQ(apart.fused, fused);
        fused = {"conv2d: bias statistics", "batch_norm: relu"};
        if (groups == 1) // what Winograd's algorithm computes
            fused.emplace_back("conv2d_weights_gradient: input gradient");
        else
            fused.insert(fused.end(), gradients.begin(), gradients.end());
        EXPECT_EQ(together.fused, fused);
        for (const auto& [name, expected] : apart.results) {
            const auto& values = together.results.at(name);
            ASSERT_EQ(values.size(), expected.size());
            double scale = 0;
            for (const float v : expected)
                scale = std::max<double>(scale, std::abs(v));
            for (size_t i = 0; i < values.size(); ++i)
                ASSERT_NEAR(values[i], expected[i], 5e-6 * scale) << name << " " << i;
        }
    }
}

TEST(Passes, RemoveWhatNobodyReads)
{
    Builder b;
    const ValueId x = b.input("x", {Shape{8}, DType::F32});
    b.unary("exp", b.unary("tanh", x));
    b.output("y", b.unary("neg", x));
    compile::removeDeadCode(b.program());
    EXPECT_EQ(b.program().ops.size(), 1U);
}

TEST(Step, AllocatesNothing)
{
    SmallNet net;
    const auto device = backend::open("cpu", {1}).value();
    const auto plan = std::make_shared<compile::Plan>(compile::plan(net.b.program()));
    const auto step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
    step->run();
    const int64_t before = allocations;
    for (int i = 0; i < 10; ++i)
        step->run();
    EXPECT_EQ(allocations, before);
}

TEST(Step, AllocatesNothingInARecurrentLayer)
{
    Builder b;
    const ValueId x = b.input("x", {Shape{5, 7, 3}, DType::F32});
    const ValueId w = b.parameter("w", Shape{3, 24}, {"zeros"}, true);
    const ValueId u = b.parameter("u", Shape{6, 24}, {"zeros"}, true);
    const auto y = b.ops("lstm", {x, w, u, noValue, noValue, noValue, noValue, noValue}, {{"reverse", false}});
    const ValueId weights[] = {w, u};
    const auto gradients = ir::differentiate(b, b.reduceAll("sum", y[0]), weights);
    b.output("dw", gradients[0]);
    b.output("du", gradients[1]);
    const auto device = backend::open("cpu", {1}).value();
    const auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
    const auto step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
    step->run();
    const int64_t before = allocations;
    for (int i = 0; i < 10; ++i)
        step->run();
    EXPECT_EQ(allocations, before);
}

TEST(Step, GivesTheSameBitsWithTheSameThreads)
{
    for (int threads : {1, 2, 3}) {
        std::vector<std::vector<float>> results;
        for (int repeat = 0; repeat < 2; ++repeat) {
            SmallNet net;
            const auto device = backend::open("cpu", {threads}).value();
            const auto plan = std::make_shared<compile::Plan>(compile::plan(net.b.program()));
            const auto model = backend::allocateModel(*device, plan->program).value();
            const auto step = device->load(plan, model).value();
            Random random(9);
            Tensor weights(Shape{plan->program.parameterElements});
            for (float& x : weights.floats())
                x = random.normal();
            model.parameters->upload({weights.data(), static_cast<size_t>(weights.bytes())}, 0);
            for (int i = 0; i < 20; ++i)
                step->run();
            model.parameters->download({weights.data(), static_cast<size_t>(weights.bytes())}, 0);
            results.emplace_back(weights.floats().begin(), weights.floats().end());
        }
        EXPECT_EQ(results[0], results[1]) << threads << " threads";
    }
}

} // namespace
} // namespace gradloom::tests
