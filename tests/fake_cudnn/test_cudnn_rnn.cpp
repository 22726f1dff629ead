#include "tests/fake_cudnn/pretended_cudnn.h"

#include <gtest/gtest.h>

#include <set>

/// Recurrent layers by cuDNN: which it computes, and that they give the CPU's results and gradients.
namespace gradloom::tests {
namespace {

/// A recurrent layer in use or in training, and what of it is there.
struct RnnUse
{
    std::string op;
    std::string name;
    Params attributes{{"reverse", false}};
    bool bias = true, initial = false, mask = false, dropout = false, multiplied = false;
    bool lastOnly = false; ///< only the last state is used
    bool training = true;
    int gap = 0;
    std::string wrong = {};
    std::string kernel = "cuDNN RNN";
};

void PrintTo(const RnnUse& use, std::ostream* out)
{
    *out << use.op << " " << use.name;
}

std::vector<RnnUse> rnnUses()
{
    const auto activation = [](const char* name) {
        return Params{{"reverse", false}, {"activation", std::string(name)}};
    };
    std::vector<RnnUse> uses{{"rnn", "tanh", activation("tanh")}, {"rnn", "relu", activation("relu")}};
    for (const std::string op : {"lstm", "gru"}) {
        uses.push_back({.op = op, .name = "plain"});
        uses.push_back({.op = op, .name = "without_bias", .bias = false});
        uses.push_back({.op = op, .name = "initial_state", .initial = true});
        uses.push_back({.op = op, .name = "last_state_only", .lastOnly = true});
        uses.push_back({.op = op, .name = "gates_apart", .gap = 1});
        uses.push_back({.op = op, .name = "in_use", .initial = true, .training = false});
        uses.push_back({.op = op, .name = "other_gates", .wrong = "matrices", .kernel = "own"});
        uses.push_back({.op = op, .name = "other_biases", .wrong = "biases", .kernel = "own"});
        uses.push_back({.op = op, .name = "multiplied", .multiplied = true, .kernel = "own"});
        uses.push_back({.op = op, .name = "mask", .mask = true, .kernel = "own"});
        uses.push_back({.op = op, .name = "dropout", .dropout = true, .kernel = "own"});
        uses.push_back({.op = op, .name = "reverse", .attributes = {{"reverse", true}}, .kernel = "own"});
    }
    return uses;
}

class EveryCudnnRnn : public testing::TestWithParam<RnnUse>
{
protected:
    static constexpr int64_t n = 3, t = 4, d = 5, h = 6;

    ValueId input(const char* name, bool present, Shape shape)
    {
        if (!present)
            return ir::noValue;
        m_inputs.push_back(m_b.input(name, f(shape)));
        return m_inputs.back();
    }

    /// Two layers, one on the other, so that each keeps its own notes; with the gradients of everything.
    void build()
    {
        const RnnUse& use = GetParam();
        const int64_t gates = use.op == "lstm" ? 4 : use.op == "gru" ? 3 : 1;
        const Shape bias = use.op == "gru" ? Shape{2, gates * h} : Shape{gates * h};
        ValueId x = input("x", true, {n, t, use.multiplied ? gates * h : d});
        std::vector<ValueId> results;
        for (const int64_t features : {d, h}) {
            const std::string name = std::to_string(features);
            const bool hasWeights = !use.multiplied || features == h;
            std::vector<ValueId> operands{x, input(("w" + name).c_str(), hasWeights, {features, gates * h}),
                input(("u" + name).c_str(), true, {h, gates * h}),
                input(("b" + name).c_str(), use.bias, bias),
                input(("h" + name).c_str(), use.initial, {n, h})};
            operands.push_back(input(("m" + name).c_str(), use.mask, {n, t}));
            operands.push_back(input(("r" + name).c_str(), use.dropout, {n, h}));
            if (use.op == "lstm")
                operands.push_back(input(("c" + name).c_str(), use.initial, {n, h}));
            results = m_b.ops(use.op, operands, use.attributes);
            x = results[0];
        }
        if (!use.lastOnly)
            m_b.output("y", results[0]);
        m_b.output("last", results[1]);
        if (!use.training)
            return;
        ValueId loss = m_b.reduceAll("sum", m_b.unary("square", results[1]));
        if (!use.lastOnly)
            loss = m_b.add(loss, m_b.reduceAll("sum", m_b.unary("square", results[0])));
        if (use.op == "lstm" && !use.lastOnly)
            loss = m_b.add(loss, m_b.reduceAll("sum", m_b.unary("exp", results[2])));
        for (const ValueId id : ir::differentiate(m_b, loss, m_inputs))
            if (id != ir::noValue)
                m_b.output("gradient" + std::to_string(id), id);
    }

    /// All results by name, after one run with random operands.
    std::map<std::string, Tensor> run(std::unique_ptr<backend::Backend> device,
        std::multiset<std::pair<std::string, std::string>>* kernels = nullptr)
    {
        const auto plan = std::make_shared<compile::Plan>(compile::plan(m_b.program()));
        const auto executable = device->load(plan, {}).value();
        for (size_t i = 0; kernels && i < plan->program.ops.size(); ++i)
            kernels->emplace(plan->program.ops[i].type->id, executable->kernels()[i]);
        Random random(4);
        for (const ValueId id : m_inputs) {
            Tensor tensor(m_b.shape(id));
            for (float& number : tensor.floats())
                number = random.uniform(-1, 1);
            executable->write(id, {tensor.data(), static_cast<size_t>(tensor.bytes())});
        }
        executable->poison();
        executable->run();
        std::map<std::string, Tensor> results;
        for (const auto& [name, id] : plan->program.outputs) {
            Tensor tensor(plan->program.typeOf(id).shape);
            executable->read(id, {tensor.data(), static_cast<size_t>(tensor.bytes())});
            results.emplace(name, std::move(tensor));
        }
        return results;
    }

    ir::Builder m_b;
    std::vector<ValueId> m_inputs;
};

TEST_P(EveryCudnnRnn, AgreesWithTheCpuAndIsNamed)
{
    const RnnUse& use = GetParam();
    build();
    Pretended pretended;
    pretended.dnn.gap = use.gap;
    pretended.dnn.wrong = use.wrong;
    std::multiset<std::pair<std::string, std::string>> kernels; // by operation
    const auto actual = run(pretended.open(), &kernels);
    const auto expected = run(backend::open("cpu", {1}).value());
    for (const auto& [name, tensor] : expected)
        EXPECT_LT(difference(tensor, actual.at(name)), 2e-5) << name;
    // Two layers of one kind, and the same way for a layer and its adjoint.
    const size_t layers = use.multiplied ? 1 : 2;
    EXPECT_EQ(kernels.count({use.op, use.kernel}), layers);
    EXPECT_EQ(kernels.count({use.op + "_backward", use.kernel}), use.training ? layers : 0);
    EXPECT_TRUE(pretended.dnn.complaints.empty()) << pretended.dnn.complaints.front();
}

INSTANTIATE_TEST_SUITE_P(Candidates, EveryCudnnRnn, testing::ValuesIn(rnnUses()),
    [](const auto& info) { return info.param.op + "_" + info.param.name; });

} // namespace
} // namespace gradloom::tests
