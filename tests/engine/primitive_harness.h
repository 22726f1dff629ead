#pragma once

#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/ir/builder.h"

#include <ostream>
#include <set>

/// Primitives with operands to check them on, and a program around one of them.
namespace gradloom::tests {

/// One primitive with operands and options to check it on.
struct Case
{
    std::string op;
    std::vector<TensorType> inputs; ///< rank 0 and U8 stands for an absent operand
    Params attributes;
    std::string name;
    float low = -2;
    float high = 2;
    std::set<size_t> constant{}; ///< float operands without a gradient
};

/// Every primitive that is not reached through the adjoint of another one.
std::vector<Case> primitiveCases();

inline void PrintTo(const Case& c, std::ostream* out)
{
    *out << c.op << " " << c.name;
}

/// The primitive with Σ coefficient·result behind it.
class Harness
{
public:
    Harness(const Case& c, std::unique_ptr<backend::Backend> device) : m_case(c), m_backend(std::move(device))
    {
        for (size_t i = 0; i < c.inputs.size(); ++i)
            m_inputs.push_back(c.inputs[i].dtype == DType::U8
                                   ? ir::noValue
                                   : m_builder.input("in" + std::to_string(i), c.inputs[i]));
        m_results = m_builder.ops(c.op, m_inputs, c.attributes);
        ir::ValueId total = ir::noValue;
        for (ir::ValueId id : m_results) {
            m_builder.output("result" + std::to_string(id), id);
            if (!scored(id))
                continue;
            m_coefficients.push_back(m_builder.input("c" + std::to_string(id), m_builder.type(id)));
            const ir::ValueId term = m_builder.reduceAll("sum", m_builder.mul(id, m_coefficients.back()));
            total = total == ir::noValue ? term : m_builder.add(total, term);
        }
        std::vector<ir::ValueId> targets;
        for (size_t i = 0; i < m_inputs.size(); ++i)
            if (m_inputs[i] != ir::noValue && m_builder.type(m_inputs[i]).dtype == DType::F32 &&
                !c.constant.contains(i))
                targets.push_back(m_inputs[i]);
        if (total != ir::noValue)
            for (ir::ValueId id : ir::differentiate(m_builder, total, targets)) {
                if (id != ir::noValue)
                    m_builder.output("gradient" + std::to_string(id), id);
                m_gradients.push_back(id);
            }
        m_leaves = targets;
        m_plan = std::make_shared<compile::Plan>(compile::plan(m_builder.program()));
        m_executable =
            m_backend->load(m_plan, backend::allocateModel(*m_backend, m_plan->program).value()).value();
    }

    void randomize(uint64_t seed)
    {
        Random random(seed);
        for (ir::ValueId id : m_inputs)
            if (id != ir::noValue)
                fill(id, random, m_case.low, m_case.high);
        for (ir::ValueId id : m_coefficients)
            fill(id, random, -1, 1);
    }

    void set(ir::ValueId id, const Tensor& t)
    {
        m_executable->write(id, {t.data(), static_cast<size_t>(t.bytes())});
        m_contents.insert_or_assign(id, t);
    }

    void run()
    {
        m_executable->poison();
        m_executable->run();
    }

    Tensor read(ir::ValueId id) const
    {
        Tensor t(m_plan->program.typeOf(id).shape, m_plan->program.typeOf(id).dtype);
        m_executable->read(id, {t.data(), static_cast<size_t>(t.bytes())});
        return t;
    }

    double loss() const
    {
        double sum = 0;
        size_t k = 0;
        for (ir::ValueId id : m_results) {
            if (!scored(id))
                continue;
            const Tensor result = read(id);
            const auto coefficient = m_contents.at(m_coefficients[k++]).floats();
            for (size_t i = 0; i < result.floats().size(); ++i)
                sum += static_cast<double>(result.floats()[i]) * coefficient[i];
        }
        return sum;
    }

    /// All named outputs: results and gradients.
    std::vector<ir::ValueId> outputs() const
    {
        std::vector<ir::ValueId> ids;
        for (const auto& [name, id] : m_plan->program.outputs)
            ids.push_back(id);
        return ids;
    }
    const compile::Plan& plan() const { return *m_plan; }
    const backend::Backend& device() const { return *m_backend; }
    const backend::Executable& executable() const { return *m_executable; }
    /// Of each operation of the plan.
    std::vector<std::string> kernels() const { return m_executable->kernels(); }
    const std::vector<ir::ValueId>& results() const { return m_results; }
    const std::vector<ir::ValueId>& leaves() const { return m_leaves; }
    const std::vector<ir::ValueId>& gradients() const { return m_gradients; }
    const Tensor& contents(ir::ValueId id) const { return m_contents.at(id); }

private:
    /// Float results count, but not batch_norm's statistics and what recurrent primitives keep for their
    /// adjoint, which have no gradient by design.
    bool scored(ir::ValueId id) const
    {
        if (m_case.op == "top_k_correct") // counts, which have no derivative
            return false;
        if (m_case.op == "batch_norm" || m_case.op == "group_norm" || m_case.op == "attention")
            return id == m_results[0];
        if (m_case.op == "lstm" || m_case.op == "gru")
            return id != m_results.back();
        return m_builder.type(id).dtype == DType::F32;
    }

    void fill(ir::ValueId id, Random& random, float low, float high)
    {
        const TensorType type = m_plan->program.typeOf(id);
        Tensor t(type.shape, type.dtype);
        if (type.dtype == DType::I32)
            for (int32_t& x : t.as<int32_t>())
                x = static_cast<int32_t>(random.below(3));
        else
            for (float& x : t.floats())
                x = random.uniform(low, high);
        set(id, t);
    }

    Case m_case;
    std::unique_ptr<backend::Backend> m_backend;
    ir::Builder m_builder;
    std::vector<ir::ValueId> m_inputs, m_results, m_coefficients, m_leaves, m_gradients;
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Executable> m_executable;
    std::map<ir::ValueId, Tensor> m_contents;
};

} // namespace gradloom::tests
