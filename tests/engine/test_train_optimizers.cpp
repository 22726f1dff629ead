#include "engine/train/loaded_program.h"
#include "engine/train/optimizer_type.h"
#include "engine/train/schedule_type.h"
#include "engine/train/update_rule.h"
#include "tests/engine/train_test_util.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace gradloom;
using namespace gradloom::train;

namespace {

constexpr int64_t count = 37; // no multiple of a vector's length
constexpr int steps = 20;

double gradientAt(int64_t i, int step)
{
    // Sizes from 1e-6 to 10, so that an epsilon in the wrong place is seen.
    return std::sin(1.7 * static_cast<double>(i) + 0.9 * step) *
           std::pow(10.0, static_cast<double>(i % 8) - 6);
}

double weightAt(int64_t i)
{
    return 0.1 * static_cast<double>(i % 11) - 0.5;
}

double rateAt(int step)
{
    return 0.01 * (1.0 - 0.02 * step);
}

/// An optimizer's update alone, run by the CPU backend.
std::vector<float> updated(const std::string& id, const Params& given)
{
    const OptimizerType* type = optimizerTypes().find(id);
    auto params = completeParams(type->parameters, given, id);
    ir::Builder b;
    b.parameter("w", Shape{count}, {}, true);
    const ir::ValueId gradients = b.input("g", {Shape{count}, DType::F32});
    const ir::ValueId flat = b.flatParameters();
    const ir::ValueId rate = b.input("learning_rate", {Shape{1}, DType::F32});
    const ir::ValueId step = b.input("step", {Shape{1}, DType::F32});
    OptimizerContext context{b, *params, flat, gradients, rate, step};
    type->update(context);

    auto device = train_test::cpu();
    auto memory = backend::allocateModel(*device, b.program());
    EXPECT_TRUE(memory.ok());
    std::vector<float> weights(count);
    for (int64_t i = 0; i < count; ++i)
        weights[static_cast<size_t>(i)] = static_cast<float>(weightAt(i));
    memory->parameters->upload(std::as_bytes(std::span(weights)), 0);
    auto program = LoadedProgram::load(*device, *memory, b.program());
    EXPECT_TRUE(program.ok());
    for (int t = 1; t <= steps; ++t) {
        Tensor g(Shape{count});
        for (int64_t i = 0; i < count; ++i)
            g.floats()[static_cast<size_t>(i)] = static_cast<float>(gradientAt(i, t));
        (*program)->write("g", g);
        (*program)->write("learning_rate", static_cast<float>(rateAt(t)));
        (*program)->write("step", static_cast<float>(t));
        (*program)->run();
    }
    memory->parameters->download(std::as_writable_bytes(std::span(weights)), 0);
    return weights;
}

void expectNear(const std::vector<float>& actual, const std::vector<double>& expected, double relative)
{
    // What counts is how exactly a weight was moved.
    for (size_t i = 0; i < actual.size(); ++i) {
        const double start = weightAt(static_cast<int64_t>(i));
        EXPECT_NEAR(actual[i] - start, expected[i] - start, relative * std::abs(expected[i] - start) + 2e-7)
            << "weight " << i;
    }
}

std::vector<double> sgdReference(double momentum, bool nesterov)
{
    std::vector<double> weights;
    for (int64_t i = 0; i < count; ++i) {
        double w = weightAt(i);
        double v = 0;
        for (int t = 1; t <= steps; ++t) {
            const double g = gradientAt(i, t);
            v = momentum * v + g;
            w -= rateAt(t) * (nesterov ? g + momentum * v : v);
        }
        weights.push_back(w);
    }
    return weights;
}

std::vector<double> adamReference(double beta1, double beta2, double epsilon)
{
    std::vector<double> weights;
    for (int64_t i = 0; i < count; ++i) {
        double w = weightAt(i);
        double m = 0;
        double v = 0;
        for (int t = 1; t <= steps; ++t) {
            const double g = gradientAt(i, t);
            m = beta1 * m + (1 - beta1) * g;
            v = beta2 * v + (1 - beta2) * g * g;
            const double meanHat = m / (1 - std::pow(beta1, t));
            const double squareHat = v / (1 - std::pow(beta2, t));
            w -= rateAt(t) * meanHat / (std::sqrt(squareHat) + epsilon);
        }
        weights.push_back(w);
    }
    return weights;
}

} // namespace

TEST(TrainOptimizers, SgdFollowsTheGradient)
{
    expectNear(updated("sgd", {}), sgdReference(0, false), 1e-5);
}

TEST(TrainOptimizers, SgdWithMomentum)
{
    expectNear(updated("sgd", {{"momentum", 0.9}}), sgdReference(0.9, false), 1e-5);
}

TEST(TrainOptimizers, SgdWithNesterov)
{
    expectNear(updated("sgd", {{"momentum", 0.9}, {"nesterov", true}}), sgdReference(0.9, true), 1e-5);
}

TEST(TrainOptimizers, Adam)
{
    expectNear(updated("adam", {}), adamReference(0.9, 0.999, 1e-8), 1e-5);
}

TEST(TrainOptimizers, AdamPutsEpsilonOutsideTheCorrectedRoot)
{
    const Params params{{"epsilon", 1e-3}, {"beta1", 0.8}, {"beta2", 0.9999}};
    expectNear(updated("adam", params), adamReference(0.8, 0.9999, 1e-3), 1e-5);
}

TEST(TrainOptimizers, AdamWithoutMemoryIsSignDescent)
{
    expectNear(updated("adam", {{"beta1", 0.0}, {"beta2", 0.0}}), adamReference(0, 0, 1e-8), 1e-5);
}

TEST(TrainOptimizers, EveryOneIsASinglePassOverTheWeights)
{
    for (const OptimizerType& type : optimizerTypes().all()) {
        Params given;
        for (const ParamSpec& spec : type.parameters) // the longest form each has
            if (spec.kind == ParamKind::Switch)
                given.set(spec.key, true);
            else if (spec.key == "momentum" || spec.key == "weight_decay" || spec.key == "decay")
                given.set(spec.key, 0.5);
        ir::Builder b;
        b.parameter("w", Shape{count}, {}, true);
        const ir::ValueId gradients = b.input("g", {Shape{count}, DType::F32});
        const ir::ValueId flat = b.flatParameters();
        UpdateRule rule;
        rule.optimizer = &type;
        rule.params = completeParams(type.parameters, given, type.id).value();
        emitUpdate(b, flat, gradients, ir::noValue, rule, {});
        const compile::Plan plan = compile::plan(b.program());
        const auto passes = std::count_if(plan.program.ops.begin(), plan.program.ops.end(),
            [&](const ir::Op& op) { return plan.program.typeOf(op.outputs[0]).shape.elements() == count; });
        EXPECT_EQ(passes, 1) << type.id << "\n" << plan.program.toString();
        EXPECT_TRUE(plan.copies.empty() || plan.program.typeOf(plan.copies[0].target).shape.elements() == 1)
            << type.id;
    }
}

TEST(TrainOptimizers, EveryOneDeclaresALearningRateAndHelp)
{
    for (const OptimizerType& type : optimizerTypes().all()) {
        auto params = completeParams(type.parameters, {}, type.id);
        ASSERT_TRUE(params.ok());
        EXPECT_GT(params->real("learning_rate"), 0) << type.id;
        EXPECT_FALSE(type.help.empty() || type.formula.empty() || type.title.empty()) << type.id;
        for (const ParamSpec& spec : type.parameters)
            EXPECT_FALSE(spec.help.empty()) << type.id << "." << spec.key;
    }
}

TEST(TrainSchedules, Constant)
{
    const ScheduleType* type = scheduleTypes().find("constant");
    ASSERT_TRUE(type);
    for (const int64_t step : {0, 5, 99})
        EXPECT_EQ(type->factor({}, {step, 100}), 1.0);
}

TEST(TrainSchedules, CosineFallsFromOneToItsFinalShare)
{
    const ScheduleType* type = scheduleTypes().find("cosine");
    ASSERT_TRUE(type);
    auto toZero = completeParams(type->parameters, {}, "cosine");
    EXPECT_DOUBLE_EQ(type->factor(*toZero, {0, 100}), 1.0);
    EXPECT_NEAR(type->factor(*toZero, {50, 100}), 0.5, 1e-12);
    EXPECT_NEAR(type->factor(*toZero, {25, 100}), 0.5 * (1 + std::cos(std::numbers::pi / 4)), 1e-12);
    EXPECT_NEAR(type->factor(*toZero, {100, 100}), 0.0, 1e-12);
    EXPECT_NEAR(type->factor(*toZero, {1000, 100}), 0.0, 1e-12);
    auto toTenth = completeParams(type->parameters, {{"final", 0.1}}, "cosine");
    EXPECT_NEAR(type->factor(*toTenth, {100, 100}), 0.1, 1e-12);
    EXPECT_NEAR(type->factor(*toTenth, {50, 100}), 0.55, 1e-12);
}

TEST(TrainSchedules, CosineWarmsUpLinearly)
{
    const ScheduleType* type = scheduleTypes().find("cosine");
    auto params = completeParams(type->parameters, {{"warmup", 1.5}}, "cosine");
    const auto factor = [&](int64_t step) { return type->factor(*params, {step, 110, 10}); };
    EXPECT_NEAR(factor(0), 1.0 / 15, 1e-12);
    EXPECT_NEAR(factor(7), 8.0 / 15, 1e-12);
    EXPECT_NEAR(factor(14), 1.0, 1e-12);
    EXPECT_NEAR(factor(15), 1.0, 1e-12);
    EXPECT_NEAR(factor(15 + 95 / 5), 0.5 * (1 + std::cos(std::numbers::pi / 5)), 1e-12);
    EXPECT_NEAR(factor(110), 0.0, 1e-12);
}

TEST(TrainSchedules, ExponentialIsSmoothWithinAnEpoch)
{
    const ScheduleType* type = scheduleTypes().find("exponential");
    auto params = completeParams(type->parameters, {{"factor", 0.25}}, "exponential");
    EXPECT_NEAR(type->factor(*params, {5, 100, 10}), 0.5, 1e-12);
    auto stairs = completeParams(type->parameters, {{"factor", 0.25}, {"smooth", false}}, "exponential");
    EXPECT_NEAR(type->factor(*stairs, {5, 100, 10}), 1.0, 1e-12);
}

TEST(TrainSchedules, EveryoneGivesAFiniteFactorEverywhere)
{
    for (const ScheduleType& type : scheduleTypes().all()) {
        EXPECT_FALSE(type.help.empty() || type.title.empty()) << type.id;
        auto params = completeParams(type.parameters, {}, type.id);
        const std::vector<double> results{1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9};
        for (const int64_t total : {int64_t{1}, int64_t{2}, int64_t{100}})
            for (int64_t step = 0; step <= total + 1; ++step) {
                const double factor = type.factor(*params, {step, total, 10, results});
                EXPECT_TRUE(factor >= 0 && factor <= 1)
                    << type.id << " " << step << "/" << total << " " << factor;
            }
    }
}
