#include "engine/train/selfcheck.h"

#include "engine/backend/cpu/kernels/simd.h"
#include "engine/ir/op_kind.h"
#include "engine/ir/op_type.h"
#include "engine/train/check_cases.h"
#include "engine/train/methods.h"
#include "engine/train/stepper.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace gradloom::train {

using graph::chainOf;
using graph::nodeOf;

namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr const char* trainingSteps = "training steps";

/// The kernels of the lowest instruction set compute while it lives.
class LowestInstructionSet
{
public:
    LowestInstructionSet() { cpu::forceSimdTarget(cpu::simdTargets().back()); }
    ~LowestInstructionSet() { cpu::forceSimdTarget(""); }
    LowestInstructionSet(const LowestInstructionSet&) = delete;
    LowestInstructionSet& operator=(const LowestInstructionSet&) = delete;
};

/// Primitives whose operands a GPU may round, see backend::Precision.
bool isRounded(const std::string& primitive)
{
    return primitive == trainingSteps || ir::isProduct(primitive);
}

/// Sums in another order differ by some 1e-6; a few times more where terms cancel.
double limitOf(const std::string& primitive, const std::string& device, backend::Precision precision)
{
    constexpr double strict = 1e-4;
    constexpr double tf32 = 1e-2; // 2⁻¹¹ for each operand, grown by cancellation
    constexpr double bf16 = 8e-2;
    if (device == "cpu" || !isRounded(primitive) || precision == backend::Precision::Float32)
        return strict;
    return precision == backend::Precision::Bf16 ? bf16 : tf32;
}

/// Root mean square of an operand; 0 where it is absent.
double sizeOf(const CheckCase& one, ir::ValueId id)
{
    for (const auto& [operand, tensor] : one.operands)
        if (operand == id && tensor.dtype() == DType::F32) {
            double sum = 0;
            for (const float x : tensor.floats())
                sum += std::isfinite(x) ? static_cast<double>(x) * x : 0;
            return std::sqrt(sum / static_cast<double>(tensor.floats().size()));
        }
    return 0;
}

/// How large sums are as a rule: one that happens to be all but zero has the error of its terms.
double sizeOfSums(const CheckCase& one)
{
    const ir::Program& program = one.plan->program;
    const ir::Op& op = program.ops[one.op];
    const auto results = static_cast<double>(program.typeOf(op.outputs[0]).shape.elements());
    const bool mean = op.type->id == "reduce" && op.attributes.text("fn") == "mean";
    if (op.type->id == "reduce" && op.attributes.text("fn") != "max") {
        const double terms = static_cast<double>(program.typeOf(op.inputs[0]).shape.elements()) / results;
        return sizeOf(one, op.inputs[0]) * (mean ? 1 / std::sqrt(terms) : std::sqrt(terms));
    }
    if (op.type->id == "gemm" || op.type->id.starts_with("conv2d")) {
        const double terms = static_cast<double>(ir::flopsOf(program, op)) / 2 / results;
        return sizeOf(one, op.inputs[0]) * sizeOf(one, op.inputs[1]) * std::sqrt(terms);
    }
    return 0;
}

/// Largest number of all results of an operation, or of such sums: a gradient that is all but zero beside others
/// has the error of what it is the difference of.
double scaleOf(const CheckCase& one)
{
    double scale = std::max(1e-3, sizeOfSums(one));
    for (const auto& [id, tensor] : one.expected)
        if (tensor.dtype() == DType::F32)
            for (const float x : tensor.floats())
                if (std::isfinite(x))
                    scale = std::max(scale, std::abs(static_cast<double>(x)));
    return scale;
}

double floatError(std::span<const float> result, std::span<const float> expected, double scale)
{
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double e = expected[i];
        const double r = result[i];
        if (std::isfinite(e) != std::isfinite(r))
            return infinite;
        if (!std::isfinite(e))
            continue;
        worst = std::max(worst, std::abs(r - e));
    }
    return worst / scale;
}

double errorOf(const Tensor& result, const Tensor& expected, double scale)
{
    if (expected.dtype() == DType::F32)
        return floatError(result.floats(), expected.floats(), scale);
    return std::equal(result.data(), result.data() + result.bytes(), expected.data()) ? 0 : infinite;
}

Status runCase(backend::Backend& device, const CheckCase& one, PrimitiveCheck& check)
{
    auto loaded = device.load(one.plan, {});
    if (!loaded)
        return loaded.error();
    backend::Executable& executable = **loaded;
    for (const auto& [id, tensor] : one.operands)
        executable.write(id, {tensor.data(), static_cast<size_t>(tensor.bytes())});
    executable.poison();
    executable.run();
    const double scale = scaleOf(one);
    for (const auto& [id, expected] : one.expected) {
        Tensor result(expected.shape(), expected.dtype());
        executable.read(id, {result.data(), static_cast<size_t>(result.bytes())});
        check.error = std::max(check.error, errorOf(result, expected, scale));
    }
    if (const auto kernels = executable.kernels(); one.op < kernels.size())
        check.kernels.insert(kernels[one.op]);
    constexpr int rounds = 3;
    double best = infinite;
    for (int round = 0; round < rounds; ++round)
        best = std::min(best, executable.timeOps()[one.op]);
    check.seconds += best;
    ++check.cases;
    return {};
}

/// Checks the case and keeps the first problem.
void judgeCase(backend::Backend& device, const CheckCase& one, PrimitiveCheck& check)
{
    std::string problem;
    try {
        if (Status status = runCase(device, one, check); !status)
            problem = status.error().message;
    } catch (const backend::DeviceFailure& failure) {
        problem = failure.what();
    }
    if (!problem.empty())
        ++check.cases;
    else if (check.error == infinite)
        problem = "An element was not written, or is another one.";
    else if (check.error > check.limit)
        problem = "The results are too far from the reference.";
    if (check.problem.empty())
        check.problem = problem;
}

graph::Graph smallNetwork()
{
    return chainOf({
        nodeOf("in", "input", {{"shape", std::vector<int64_t>{14, 14, 1}}}),
        nodeOf("conv", "conv2d", {{"filters", int64_t{16}}, {"activation", std::string("relu")}}),
        nodeOf("pool", "max_pool2d"),
        nodeOf("flat", "flatten"),
        nodeOf("drop", "dropout", {{"rate", 0.2}}),
        nodeOf("hidden", "dense", {{"units", int64_t{32}}, {"activation", std::string("relu")}}),
        nodeOf("scores", "dense", {{"units", int64_t{10}}}),
        nodeOf("loss", "cross_entropy"),
    });
}

/// Losses of some training steps of a small network and all its weights after them, as one vector: whole
/// steps, with updates in place, inputs that change and what a device does to run the same step again and
/// again.
Result<Tensor> trainSome(std::shared_ptr<backend::Backend> device, uint64_t seed)
{
    constexpr int64_t batchSize = 24;
    constexpr int steps = 8;
    auto model = Model::create(smallNetwork(), {}, std::move(device), seed);
    if (!model)
        return model.error();
    StepperOptions options;
    options.program.batch = batchSize;
    options.recipe.rule.optimizer = optimizerTypes().find("sgd");
    options.recipe.rule.params = completeParams(
        options.recipe.rule.optimizer->parameters, {{"learning_rate", 0.05}, {"momentum", 0.9}}, "sgd")
                                     .value();
    auto stepper = Stepper::create(**model, std::move(options));
    if (!stepper)
        return stepper.error();
    data::Batch batch;
    batch.samples = Tensor((*stepper)->sampleShape().prepended(batchSize));
    batch.targets.emplace_back(Shape{batchSize}, DType::I32);
    batch.weights = Tensor(Shape{batchSize});
    std::fill(batch.weights.floats().begin(), batch.weights.floats().end(), 1.0F);
    batch.filled = batch.weights;
    Random random(seed);
    std::vector<float> all;
    for (int step = 0; step < steps; ++step) {
        for (float& x : batch.samples.floats())
            x = random.normal();
        for (int32_t& label : batch.targets[0].as<int32_t>())
            label = static_cast<int32_t>(random.below(10));
        (*stepper)->step(batch, {step, 0.05, {static_cast<int32_t>(seed), 0, step, 0}});
        while (const auto result = (*stepper)->take(step + 1 == steps))
            all.push_back(result->loss);
    }
    for (const auto& [name, tensor] : (*model)->weights())
        all.insert(all.end(), tensor.floats().begin(), tensor.floats().end());
    Tensor result(Shape{static_cast<int64_t>(all.size())});
    std::copy(all.begin(), all.end(), result.floats().begin());
    return result;
}

/// What the reference says to everything that is checked.
struct Reference
{
    std::string name;
    std::vector<CheckCase> cases;
    Tensor training;
};

Result<Reference> makeReference(uint64_t seed)
{
    auto opened = backend::open("cpu", {1});
    if (!opened)
        return opened.error();
    const std::shared_ptr<backend::Backend> device = std::move(*opened);
    Reference reference;
    reference.name = "CPU, " + cpu::simdTarget();
    CheckCases cases(*device, seed);
    if (Status status = addAllPrograms(cases); !status)
        return status.error();
    reference.cases = cases.take();
    auto training = trainSome(device, seed);
    if (!training)
        return training.error();
    reference.training = std::move(*training);
    return reference;
}

PrimitiveCheck checkTraining(
    std::shared_ptr<backend::Backend> device, const Reference& reference, uint64_t seed)
{
    PrimitiveCheck check;
    check.primitive = trainingSteps;
    check.cases = 1;
    try {
        const auto training = trainSome(std::move(device), seed);
        if (training)
            check.error = errorOf(*training, reference.training, 1);
        else
            check.problem = training.error().message;
    } catch (const backend::DeviceFailure& failure) {
        check.problem = failure.what();
    }
    return check;
}

} // namespace

bool Selfcheck::passed() const
{
    return std::all_of(primitives.begin(), primitives.end(),
        [](const PrimitiveCheck& check) { return check.problem.empty(); });
}

Result<Selfcheck> selfcheck(const std::string& id, const SelfcheckOptions& options)
{
    auto opened = backend::open(id, options.device);
    if (!opened)
        return opened.error();
    const std::shared_ptr<backend::Backend> device = std::move(*opened);
    std::optional<LowestInstructionSet> lowest;
    if (id == "cpu")
        lowest.emplace();
    auto reference = makeReference(options.seed);
    lowest.reset();
    if (!reference)
        return reference.error();

    Selfcheck result;
    result.device = device->info().name + (id == "cpu" ? ", " + cpu::simdTarget() : "");
    result.reference = reference->name;
    std::map<std::string, PrimitiveCheck> checks;
    for (const auto& type : ir::opTypes().all()) {
        checks[type.id].primitive = type.id;
        checks[type.id].limit = limitOf(type.id, id, options.device.precision);
    }
    for (size_t i = 0; i < reference->cases.size(); ++i) {
        judgeCase(*device, reference->cases[i], checks[reference->cases[i].primitive]);
        if (options.progress)
            options.progress(i + 1, reference->cases.size());
    }
    for (auto& [primitive, check] : checks) {
        if (check.cases == 0)
            check.problem = "There is no case for this primitive.";
        result.primitives.push_back(std::move(check));
    }
    PrimitiveCheck training = checkTraining(device, *reference, options.seed);
    // Errors grow from step to step, and a number that rounding brings to the other side of ReLU's corner, or
    // makes another one the largest of its window, changes weights by some 1e-3.
    training.limit = std::max(1e-2, 10 * limitOf(trainingSteps, id, options.device.precision));
    if (training.problem.empty() && training.error > training.limit)
        training.problem = "The weights are too far from the reference.";
    result.primitives.push_back(std::move(training));
    return result;
}

} // namespace gradloom::train
