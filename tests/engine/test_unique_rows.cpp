#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/compile/plan.h"
#include "engine/ir/builder.h"
#include "engine/ir/op_type.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

/// Products of the different rows of a table instead of all that are read.
namespace gradloom::tests {
namespace {

using ir::Builder;
using ir::noValue;
using ir::ValueId;

constexpr int64_t sequences = 5;
constexpr int64_t steps = 30;
constexpr int64_t vocabulary = 23;
constexpr int64_t width = 18;
constexpr int64_t units = 7;

/// A bidirectional layer over an embedding: its states and the gradients of all weights.
struct TextNet
{
    Builder b;
    ValueId rows = noValue;
    std::vector<std::string> names{"states"};

    explicit TextNet(const std::string& cell, int64_t gates)
    {
        const ValueId tokens = b.input("tokens", {Shape{sequences, steps}, DType::I32});
        const auto weight = [&](const std::string& name, Shape shape) {
            names.push_back(name);
            return b.parameter(name, shape, {"zeros"}, true);
        };
        const ValueId table = weight("table", Shape{vocabulary, width});
        const auto gathered = b.ops("gather", {table, tokens}, {{"padding", int64_t{3}}});
        rows = gathered[0];
        ValueId states = noValue;
        std::vector<ValueId> weights{table};
        for (const bool reverse : {false, true}) {
            const std::string which = reverse ? "_reverse" : "";
            const ValueId w = weight("w" + which, Shape{width, gates * units});
            const ValueId u = weight("u" + which, Shape{units, gates * units});
            const ValueId bias =
                weight("bias" + which, cell == "gru" ? Shape{2, gates * units} : Shape{gates * units});
            std::vector<ValueId> operands{rows, w, u, bias, noValue, gathered[1], noValue};
            if (cell == "lstm")
                operands.push_back(noValue);
            Params attributes{{"reverse", reverse}};
            if (cell == "rnn")
                attributes.set("activation", std::string("tanh"));
            const ValueId y = b.ops(cell, operands, attributes)[0];
            states = states == noValue ? y : b.add(states, y);
            weights.insert(weights.end(), {w, u, bias});
        }
        b.output("states", states);
        m_weights = weights;
    }

    void differentiate()
    {
        const ValueId states = b.program().outputs.at("states");
        const ValueId c = b.input("coefficients", b.type(states));
        const auto gradients = ir::differentiate(b, b.reduceAll("sum", b.mul(states, c)), m_weights);
        for (size_t i = 0; i < gradients.size(); ++i)
            b.output(names[i + 1], gradients[i]);
    }

    int64_t count(const std::string& type) const
    {
        return std::ranges::count_if(b.program().ops, [&](const ir::Op& op) { return op.type->id == type; });
    }

private:
    std::vector<ValueId> m_weights;
};

/// All named outputs after a step on random numbers and on tokens some of which are padding or outside the
/// table.
std::map<std::string, std::vector<float>> run(const TextNet& net, int threads)
{
    const auto device = backend::open("cpu", {threads}).value();
    const auto plan = std::make_shared<compile::Plan>(compile::plan(net.b.program()));
    const auto model = backend::allocateModel(*device, plan->program).value();
    const auto step = device->load(plan, model).value();
    Random random(5);
    Tensor weights(Shape{plan->program.parameterElements});
    for (float& x : weights.floats())
        x = random.uniform(-0.5F, 0.5F);
    model.parameters->upload({weights.data(), static_cast<size_t>(weights.bytes())}, 0);
    Tensor tokens(Shape{sequences, steps}, DType::I32);
    for (int32_t& token : tokens.as<int32_t>())
        token = static_cast<int32_t>(random.below(vocabulary / 2)) - 1;
    Tensor coefficients(Shape{sequences, steps, units});
    for (float& x : coefficients.floats())
        x = random.normal();
    for (const auto& [name, tensor] :
        {std::pair("tokens", &tokens), std::pair("coefficients", &coefficients)})
        step->write(plan->program.find(name), {tensor->data(), static_cast<size_t>(tensor->bytes())});
    step->poison();
    step->run();
    std::map<std::string, std::vector<float>> results;
    for (const auto& [name, id] : plan->program.outputs) {
        Tensor result(plan->program.typeOf(id).shape);
        step->read(id, {result.data(), static_cast<size_t>(result.bytes())});
        results[name].assign(result.floats().begin(), result.floats().end());
    }
    return results;
}

TEST(UniqueRows, GiveTheSameStatesAndGradients)
{
    for (const auto& [cell, gates] : {std::pair("rnn", 1), std::pair("lstm", 4), std::pair("gru", 3)})
        for (const int threads : {1, 3}) {
            TextNet plain(cell, gates);
            plain.differentiate();
            TextNet unique(cell, gates);
            compile::multiplyUniqueRows(unique.b);
            unique.differentiate();
            EXPECT_EQ(unique.count("unique"), 1) << cell; // both directions share the list
            const auto expected = run(plain, threads);
            const auto actual = run(unique, threads);
            for (const std::string& name : plain.names)
                for (size_t i = 0; i < expected.at(name).size(); ++i)
                    ASSERT_NEAR(actual.at(name)[i], expected.at(name)[i], 2e-4)
                        << cell << " " << name << " " << i;
            EXPECT_EQ(run(unique, threads), actual) << "the bits differ from run to run";
        }
}

TEST(UniqueRows, ProductsLeaveOutWhatIsNotListed)
{
    TextNet net("lstm", 4);
    compile::multiplyUniqueRows(net.b);
    net.differentiate();
    const compile::Plan plan = compile::plan(net.b.program());
    int64_t products = 0;
    for (const ir::Op& op : plan.program.ops)
        if (op.type->id == "gemm") {
            ++products;
            EXPECT_EQ(op.inputs.size(), 4U);
        }
    EXPECT_EQ(products, 6); // of each direction one forward, one for the weights, one for the table
}

TEST(UniqueRows, WhatIsShownKeepsItsMeaning)
{
    TextNet net("lstm", 4);
    net.b.output("node:embedding", net.rows);
    compile::multiplyUniqueRows(net.b);
    EXPECT_EQ(net.count("unique"), 0);
}

} // namespace
} // namespace gradloom::tests
