#include "engine/train/loaded_program.h"
#include "engine/train/optimizer_type.h"
#include "engine/train/schedule_type.h"
#include "engine/train/update_rule.h"
#include "tests/engine/emulated_cuda.h"
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
        emitUpdate(b, {{flat, gradients}}, ir::noValue, rule, {});
        const compile::Plan plan = compile::plan(b.program());
        const auto passes = std::count_if(plan.program.ops.begin(), plan.program.ops.end(),
            [&](const ir::Op& op) { return plan.program.typeOf(op.outputs[0]).shape.elements() == count; });
        EXPECT_EQ(passes, 1) << type.id << "\n" << plan.program.toString();
        EXPECT_TRUE(plan.copies.empty() || plan.program.typeOf(plan.copies[0].target).shape.elements() == 1)
            << type.id;
    }
}

/// Steps of a table whose elements start as 0.5: as one vector, or with gradients of single rows.
class TableStep
{
public:
    static constexpr int64_t rows = 6;
    static constexpr int64_t width = 5;

    TableStep(const OptimizerType& type, const std::vector<int32_t>& moved, bool single,
        std::shared_ptr<backend::Backend> device = train_test::cpu())
        : m_device(std::move(device))
    {
        ir::Builder b;
        const ir::ValueId table = b.parameter("w", Shape{rows, width}, {}, true);
        const auto most = static_cast<int64_t>(moved.size());
        const ir::ValueId gradients = b.input("g", {Shape{most, width}, DType::F32});
        UpdateRule rule;
        rule.optimizer = &type;
        rule.params = completeParams(type.parameters, {}, type.id).value();
        WeightPart part{table, gradients, b.input("rows", {Shape{most}, DType::I32}), ""};
        if (!single)
            part = {b.flatParameters(), b.reshape(gradients, Shape{most * width}), ir::noValue, ""};
        emitUpdate(b, {part}, ir::noValue, rule, {});
        m_memory = backend::allocateModel(*m_device, b.program()).value();
        m_program = LoadedProgram::load(*m_device, m_memory, b.program()).value();
        Tensor numbers(Shape{most}, DType::I32);
        std::copy(moved.begin(), moved.end(), numbers.as<int32_t>().begin());
        if (single)
            m_program->write("rows", numbers);
        m_program->write("learning_rate", 0.01F);
    }

    std::vector<float> run(const std::vector<float>& gradients, int steps)
    {
        std::vector<float> weights(static_cast<size_t>(rows * width), 0.5F);
        m_memory.parameters->upload(std::as_bytes(std::span(weights)), 0);
        Tensor g(Shape{static_cast<int64_t>(gradients.size()) / width, width});
        std::copy(gradients.begin(), gradients.end(), g.floats().begin());
        for (int t = 1; t <= steps; ++t) {
            m_program->write("g", g);
            m_program->write("step", static_cast<float>(t));
            m_program->run();
        }
        m_memory.parameters->download(std::as_writable_bytes(std::span(weights)), 0);
        return weights;
    }

    std::string kernels() const
    {
        std::string all;
        for (const std::string& kernel : m_program->executable().kernels())
            all += kernel + "\n";
        return all;
    }

private:
    std::shared_ptr<backend::Backend> m_device;
    backend::ModelMemory m_memory;
    std::unique_ptr<LoadedProgram> m_program;
};

TEST(TrainOptimizers, AdamIsComputedAsOneInstruction)
{
    const std::vector<int32_t> all{0, 1, 2, 3, 4, 5};
    for (const char* id : {"adam", "adamw"})
        for (const bool single : {false, true}) {
            const std::string kernels = TableStep(*optimizerTypes().find(id), all, single).kernels();
            EXPECT_NE(kernels.find("Adam as one"), std::string::npos) << id << "\n" << kernels;
        }
}

TEST(TrainOptimizers, EveryOneMovesSingleRowsOfATableInOnePass)
{
    const std::vector<int32_t> some{4, 0, 3, -1};
    std::vector<float> all(static_cast<size_t>(TableStep::rows * TableStep::width));
    for (size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<float>(gradientAt(static_cast<int64_t>(i), 1));
    std::vector<float> gathered;
    for (const int32_t row : some)
        for (int64_t j = 0; j < TableStep::width; ++j)
            gathered.push_back(all[static_cast<size_t>(std::max(row, 0) * TableStep::width + j)]);
    for (const OptimizerType& type : optimizerTypes().all()) {
        SCOPED_TRACE(type.id);
        const std::vector<float> whole = TableStep(type, {0, 1, 2, 3, 4, 5}, false).run(all, 3);
        const std::vector<float> single = TableStep(type, some, true).run(gathered, 3);
        const std::vector<float> cuda =
            TableStep(type, some, true, tests::openEmulatedCuda()).run(gathered, 3);
        for (int64_t row = 0; row < TableStep::rows; ++row)
            for (int64_t j = 0; j < TableStep::width; ++j) {
                const auto i = static_cast<size_t>(row * TableStep::width + j);
                const bool moved = row == 4 || row == 0 || row == 3;
                EXPECT_EQ(single[i], moved ? whole[i] : 0.5F) << "row " << row;
                EXPECT_NEAR(cuda[i], single[i], 1e-6) << "row " << row;
            }
    }
}

TEST(TrainOptimizers, EveryOneUpdatesRowsWhereTheyAre)
{
    for (const OptimizerType& type : optimizerTypes().all()) {
        ir::Builder b;
        const ir::ValueId table = b.parameter("w", Shape{7, 5}, {}, true);
        const ir::ValueId gradients = b.input("g", {Shape{3, 5}, DType::F32});
        const ir::ValueId rows = b.input("rows", {Shape{3}, DType::I32});
        UpdateRule rule;
        rule.optimizer = &type;
        rule.params = completeParams(type.parameters, {}, type.id).value();
        emitUpdate(b, {{table, gradients, rows, ""}}, ir::noValue, rule, {});
        const compile::Plan plan = compile::plan(b.program());
        const auto count = [&](const std::string& id) {
            return std::count_if(plan.program.ops.begin(), plan.program.ops.end(),
                [&](const ir::Op& op) { return op.type->id == id; });
        };
        EXPECT_EQ(count("pointwise_rows"), 1) << type.id << "\n" << plan.program.toString();
        EXPECT_EQ(count("gather"), 0) << type.id;
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
