#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/functors/pointwise.h"
#include "engine/backend/cuda/functors/random.h"
#include "engine/backend/cuda/library.h"
#include "engine/ir/op_type.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace gradloom::cuda {

namespace {

using compile::Plan;
using ir::ValueId;

bool contains(const std::vector<ValueId>& ids, ValueId id)
{
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool contains(const std::vector<size_t>& ops, size_t op)
{
    return std::find(ops.begin(), ops.end(), op) != ops.end();
}

/// The operations that the candidate would compute together with `first`; empty where it is not for it, or
/// there is not exactly one adjoint that it asks for.
std::vector<size_t> operationsOf(const ir::Program& program, const Candidate& candidate, size_t first)
{
    const ir::Op& op = program.ops[first];
    if (op.type->id != candidate.op)
        return {};
    std::vector<size_t> found{first};
    if (!candidate.adjoint)
        return found;
    const Candidate::Adjoint& adjoint = *candidate.adjoint;
    for (size_t i = first + 1; i < program.ops.size(); ++i)
        if (program.ops[i].type->id == adjoint.op &&
            program.ops[i].inputs[adjoint.operand] == op.outputs[adjoint.result])
            found.push_back(i);
    return found.size() == 2 ? found : std::vector<size_t>();
}

/// One trial: the own kernels and their rivals with the same random operands.
class Trial
{
public:
    Trial(const Plan& plan, const Settings& settings, const AddressOf& addressOf, std::vector<size_t> ops)
        : m_plan(plan), m_settings(settings), m_device(*settings.alternatives->device),
          m_addressOf(addressOf), m_ops(std::move(ops))
    {
    }

    /// The own kernels and the rivals that can compute this, with their times.
    Measured measure(const std::vector<const Candidate*>& rivals)
    {
        // What is gained by less than this may be chance.
        constexpr float margin = 0.95F;
        Measured measured;
        try {
            m_products = rivals.front()->products;
            Attempt own = *attempt(nullptr);
            measured.algorithms.push_back({0, 0, 0, margin * time(own), true});
            for (size_t i = 0; i < rivals.size(); ++i)
                if (const auto milliseconds = timeOf(*rivals[i], own.results))
                    measured.algorithms.push_back({static_cast<int>(i) + 1, 0, 0, *milliseconds, true});
        } catch (const backend::OutOfDeviceMemory&) {
            measured.complete = false; // what was not tried may be tried another time
        } catch (const backend::DeviceFailure&) {
            // The own kernels compute.
        }
        return measured;
    }

private:
    using Results = std::vector<std::vector<std::byte>>;

    struct Attempt
    {
        std::vector<Launch> launches;
        std::shared_ptr<std::byte> memory; ///< of the launches
        Results results;
    };

    const ir::Op& op(size_t index) const { return m_plan.program.ops[index]; }

    /// Nothing where the rival cannot compute this, fails or gives other results.
    std::optional<float> timeOf(const Candidate& rival, const Results& expected)
    {
        try {
            auto attempted = attempt(&rival);
            if (attempted && agree(expected, attempted->results))
                return time(*attempted);
        } catch (const backend::OutOfDeviceMemory&) {
            throw;
        } catch (const backend::DeviceFailure&) {
            // As it says above.
        }
        return std::nullopt;
    }

    /// Ends the attempt.
    float time(Attempt& attempted)
    {
        const float milliseconds = m_device.milliseconds(attempted.launches);
        attempted.launches.clear();
        attempted.memory.reset();
        return milliseconds;
    }

    /// Values of the arena are where the step has them, so that results overwrite operands as they do there.
    /// Those of the model stay as they are: others stand for them.
    std::byte* addressOf(ValueId id)
    {
        if (m_plan.locations[static_cast<size_t>(id)].segment == ir::Segment::Arena)
            return m_addressOf(id);
        auto& memory = m_models[id];
        if (!memory)
            memory = m_device.allocate(m_plan.program.typeOf(id).bytes());
        return memory.get();
    }

    std::optional<Attempt> attempt(const Candidate* candidate)
    {
        const Way way{m_ops, candidate};
        StepMemory memory{[this](ValueId id) { return addressOf(id); }};
        const auto sizes = prepareWay(m_plan, m_settings, way, memory);
        if (!sizes)
            return std::nullopt;
        Attempt made;
        const int64_t bytes = sizes->scratchBytes + sizes->keptBytes;
        if (candidate && bytes > workspaceLimit)
            return std::nullopt;
        made.memory = m_device.allocate(bytes);
        memory.scratch = made.memory.get();
        memory.kept = memory.scratch + sizes->scratchBytes;
        const auto prepared = *prepareWay(m_plan, m_settings, way, memory);
        m_device.run({poisoned(memory.scratch, bytes)});
        for (size_t i = 0; i < m_ops.size(); ++i) {
            m_device.run(operands(m_ops[i]));
            m_device.run(prepared.launches[i]);
            readResults(op(m_ops[i]), made.results);
            made.launches.insert(
                made.launches.end(), prepared.launches[i].begin(), prepared.launches[i].end());
        }
        return made;
    }

    static Launch poisoned(std::byte* at, int64_t bytes)
    {
        return [=](const Context& context) {
            forEach(context, bytes / 4, Fill{reinterpret_cast<float*>(at), std::nanf("")});
        };
    }

    bool isMadeHere(ValueId id) const
    {
        return std::any_of(
            m_ops.begin(), m_ops.end(), [&](size_t index) { return contains(op(index).outputs, id); });
    }

    /// What stands in memory when an operation begins: nothing where its results go, and random numbers, for
    /// each value always the same, in the operands that the trial itself does not make.
    std::vector<Launch> operands(size_t index)
    {
        std::vector<Launch> launches;
        const ir::Op& one = op(index);
        for (const ValueId id : one.outputs) {
            const TensorType& type = m_plan.program.typeOf(id);
            std::byte* to = addressOf(id);
            const bool inPlace = std::any_of(one.inputs.begin(), one.inputs.end(),
                [&](ValueId in) { return in != ir::noValue && isMadeHere(in) && addressOf(in) == to; });
            if (type.dtype == DType::F32 && !inPlace)
                launches.push_back(poisoned(to, type.bytes()));
        }
        for (const ValueId id : one.inputs)
            if (id != ir::noValue && !isMadeHere(id))
                addRandom(id, launches);
        return launches;
    }

    void addRandom(ValueId id, std::vector<Launch>& launches)
    {
        const TensorType& type = m_plan.program.typeOf(id);
        std::byte* to = addressOf(id);
        if (type.dtype != DType::F32) {
            launches.push_back(
                [to, bytes = type.bytes()](const Context& context) { zeroBytes(context, to, bytes); });
            return;
        }
        if (!m_counter) {
            m_counter = m_device.allocate(256);
            launches.push_back(
                [to = m_counter.get()](const Context& context) { zeroBytes(context, to, 256); });
        }
        const RandomSource source{
            reinterpret_cast<const int32_t*>(m_counter.get()), static_cast<uint32_t>(id)};
        const int64_t size = type.shape.elements();
        const RandomUniform uniform{source, RandomRange(size), reinterpret_cast<float*>(to)};
        launches.push_back([=](const Context& context) { forEach(context, uniform.range.blocks(), uniform); });
        const PointwiseGroups<1> spread{spreading(uniform.y, type.shape)};
        launches.push_back([=](const Context& context) { forEach(context, size, spread); });
    }

    /// From [0, 1) to [−a, a). Weights are as small as those of a network, lest differences of rounding grow
    /// from step to step of a recurrent layer.
    PointwiseChain spreading(float* numbers, const Shape& shape) const
    {
        const bool weights = m_products && shape.rank() == 2;
        const float a = weights ? 1.0F / std::sqrt(static_cast<float>(shape[0])) : 1.0F;
        PointwiseChain chain;
        chain.size = shape.elements();
        chain.inputs = chain.outputs = 1;
        chain.in[0] = chain.out[0] = numbers;
        chain.period[0] = chain.size;
        chain.steps = 2;
        chain.step[0] = {PointwiseFn::Scale, 0, 0, false, 2 * a};
        chain.step[1] = {PointwiseFn::Offset, 0, 0, false, -a};
        return chain;
    }

    /// Of these only that others read: what an operation notes for its adjoint is their business.
    void readResults(const ir::Op& one, Results& results)
    {
        for (const ValueId id : one.outputs)
            if (isReadBeside(m_plan.program, m_ops, id))
                results.push_back(m_device.read(addressOf(id), m_plan.program.typeOf(id).bytes()));
    }

    float tolerance() const
    {
        if (!m_products)
            return 1e-4F;
        switch (m_settings.precision) {
        case backend::Precision::Float32:
            return 1e-3F;
        case backend::Precision::Tf32:
            return 1e-2F;
        case backend::Precision::Bf16:
            break;
        }
        return 3e-2F;
    }

    bool agree(const Results& own, const Results& rival) const
    {
        size_t result = 0;
        for (const size_t index : m_ops)
            for (const ValueId id : op(index).outputs) {
                if (!isReadBeside(m_plan.program, m_ops, id))
                    continue;
                const auto& a = own[result];
                const auto& b = rival[result++];
                const bool isFloat = m_plan.program.typeOf(id).dtype == DType::F32;
                if (isFloat ? !areClose(a, b) : a != b)
                    return false;
            }
        return true;
    }

    bool areClose(const std::vector<std::byte>& own, const std::vector<std::byte>& rival) const
    {
        const auto at = [](const std::vector<std::byte>& bytes, size_t i) {
            float x = 0;
            std::memcpy(&x, bytes.data() + i * sizeof x, sizeof x);
            return x;
        };
        const size_t count = own.size() / sizeof(float);
        float scale = std::numeric_limits<float>::min();
        for (size_t i = 0; i < count; ++i)
            scale = std::max(scale, std::abs(at(own, i)));
        for (size_t i = 0; i < count; ++i)
            if (!(std::abs(at(own, i) - at(rival, i)) <= tolerance() * scale)) // NaN never agrees
                return false;
        return true;
    }

    const Plan& m_plan;
    const Settings& m_settings;
    TrialDevice& m_device;
    const AddressOf& m_addressOf;
    std::vector<size_t> m_ops;
    bool m_products = false;
    std::map<ValueId, std::shared_ptr<std::byte>> m_models;
    std::shared_ptr<std::byte> m_counter;
};

/// What the times depend on.
std::string keyOf(const ir::Program& program, const Settings& settings, const std::vector<size_t>& ops)
{
    std::string key = std::to_string(static_cast<int>(settings.precision));
    for (const size_t index : ops) {
        const ir::Op& op = program.ops[index];
        key += "|" + op.type->id;
        for (const auto& [name, value] : op.attributes)
            key += " " + name + "=" + formatParam(value);
        for (const ValueId id : op.inputs)
            key += id == ir::noValue ? ",-" : "," + program.typeOf(id).shape.toString();
        for (const ValueId id : op.outputs)
            key += isReadBeside(program, ops, id) ? ">" + program.typeOf(id).shape.toString() : ">-";
    }
    return key;
}

} // namespace

bool isReadBeside(const ir::Program& program, const std::vector<size_t>& ops, ValueId id)
{
    for (size_t i = 0; i < program.ops.size(); ++i)
        if (!contains(ops, i) && contains(program.ops[i].inputs, id))
            return true;
    return std::any_of(program.outputs.begin(), program.outputs.end(),
               [&](const auto& output) { return output.second == id; }) ||
           std::any_of(program.updates.begin(), program.updates.end(),
               [&](const ir::Update& update) { return update.source == id; });
}

std::vector<Way> waysByTime(
    const Plan& plan, const Settings& settings, const AddressOf& addressOf, size_t first)
{
    const Way own{{first}, nullptr};
    // Two measurements may end differently, and other kernels give other bits.
    if (settings.alternatives == nullptr || settings.deterministic)
        return {own};
    std::vector<const Candidate*> rivals;
    std::vector<size_t> ops;
    for (const Candidate& candidate : settings.alternatives->candidates) {
        auto together = operationsOf(plan.program, candidate, first);
        if (together.empty() || (!ops.empty() && together != ops))
            continue;
        ops = std::move(together);
        rivals.push_back(&candidate);
    }
    if (rivals.empty())
        return {own};
    std::vector<MeasuredAlgorithm> measured =
        settings.alternatives->times.find(keyOf(plan.program, settings, ops),
            [&] { return Trial(plan, settings, addressOf, ops).measure(rivals); });
    std::ranges::stable_sort(measured, {}, &MeasuredAlgorithm::milliseconds);
    std::vector<Way> ways;
    for (const MeasuredAlgorithm& one : measured) {
        if (one.algorithm == 0)
            break;
        ways.push_back({ops, rivals[static_cast<size_t>(one.algorithm) - 1]});
    }
    ways.push_back(own);
    return ways;
}

} // namespace gradloom::cuda
