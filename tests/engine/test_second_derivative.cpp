#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/ir/builder.h"

#include <gtest/gtest.h>

#include <cmath>

/// Gradients of gradients, as penalties on gradients need them.
namespace gradloom::tests {
namespace {

using ir::noValue;
using ir::ValueId;

struct NormCase
{
    Shape shape;
    int64_t axis;
    int64_t groups;
    bool gamma;
};

/// t = Σ e · d(Σ c · group_norm(x))/dx with its gradients by x, gamma and c.
class TwiceDifferentiated
{
public:
    explicit TwiceDifferentiated(const NormCase& n)
    {
        x = input("x", n.shape);
        c = input("c", n.shape);
        const ValueId e = input("e", n.shape);
        leaves = {x, c};
        ValueId gamma = noValue;
        if (n.gamma)
            leaves.push_back(gamma = input("gamma", Shape{n.shape[-1]}));
        const ValueId y = m_b.op(
            "group_norm", {x, gamma, noValue}, {{"axis", n.axis}, {"groups", n.groups}, {"epsilon", 1e-2}});
        const std::vector<ValueId> first{x};
        const ValueId dx = ir::differentiate(m_b, m_b.reduceAll("sum", m_b.mul(c, y)), first)[0];
        m_value = m_b.reduceAll("sum", m_b.mul(e, dx));
        gradients = ir::differentiate(m_b, m_value, leaves);
        m_b.output("value", m_value);
        for (size_t i = 0; i < gradients.size(); ++i)
            m_b.output("gradient" + std::to_string(i), gradients[i]);
        m_plan = std::make_shared<compile::Plan>(compile::plan(m_b.program()));
        m_backend = backend::open("cpu", {2}).value();
        m_executable =
            m_backend->load(m_plan, backend::allocateModel(*m_backend, m_plan->program).value()).value();
        Random random(4);
        for (auto& [id, contents] : m_contents) {
            for (float& v : contents.floats())
                v = random.uniform(-1, 1);
            write(id, contents);
        }
    }

    const Tensor& contents(ValueId id) const { return m_contents.at(id); }
    void write(ValueId id, const Tensor& t)
    {
        m_executable->write(id, {t.data(), static_cast<size_t>(t.bytes())});
    }
    Tensor read(ValueId id) const
    {
        Tensor t(m_plan->program.typeOf(id).shape);
        m_executable->read(id, {t.data(), static_cast<size_t>(t.bytes())});
        return t;
    }
    double value()
    {
        m_executable->poison();
        m_executable->run();
        return read(m_value).floats()[0];
    }

    ValueId x = noValue, c = noValue;
    std::vector<ValueId> leaves, gradients;

private:
    ValueId input(const std::string& name, const Shape& shape)
    {
        const ValueId id = m_b.input(name, {shape, DType::F32});
        m_contents.emplace(id, Tensor(shape));
        return id;
    }

    ir::Builder m_b;
    ValueId m_value = noValue;
    std::map<ValueId, Tensor> m_contents;
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Backend> m_backend;
    std::unique_ptr<backend::Executable> m_executable;
};

TEST(SecondDerivative, OfNormalisationsAgreesWithCentralDifferences)
{
    for (const NormCase& n : {NormCase{{3, 6}, 1, 1, true}, {{2, 3, 7}, 2, 1, true}, {{2, 5, 6}, 1, 2, true},
             {{2, 4, 3}, 1, 3, false}, {{2, 3, 2, 4}, 1, 1, true}}) {
        TwiceDifferentiated twice(n);
        twice.value();
        std::vector<Tensor> gradients;
        for (ValueId id : twice.gradients)
            gradients.push_back(twice.read(id));
        constexpr float step = 4e-3F;
        for (size_t l = 0; l < twice.leaves.size(); ++l) {
            const Tensor original = twice.contents(twice.leaves[l]);
            for (size_t i = 0; i < original.floats().size(); ++i) {
                double side[2];
                for (const int sign : {0, 1}) {
                    Tensor moved = original;
                    moved.floats()[i] += sign == 1 ? step : -step;
                    twice.write(twice.leaves[l], moved);
                    side[sign] = twice.value();
                }
                twice.write(twice.leaves[l], original);
                const double numeric = (side[1] - side[0]) / (2.0 * step);
                EXPECT_NEAR(gradients[l].floats()[i], numeric, 1e-2 * std::max(1.0, std::abs(numeric)))
                    << n.shape.toString() << " leaf " << l << " element " << i;
            }
        }
    }
}

} // namespace
} // namespace gradloom::tests
