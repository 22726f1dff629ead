#include "layer_harness.h"

#include "engine/base/philox.h"
#include "engine/graph/analysis.h"
#include "tests/engine/graph_test_util.h"

#include <gtest/gtest.h>

#include <cmath>

/// What recurrent layers promise beyond shapes, gradients and golden numbers.
namespace gradloom::tests {
namespace {

using ir::noValue;
using ir::ValueId;

const TensorType sequence{Shape{3, 4}, DType::F32};

const layers::LayerType& typeNamed(const std::string& id)
{
    return *layers::layerTypes().find(id);
}

/// Gives the weight or input of this name one value everywhere, or the identity matrix.
void setWeight(LayerHarness& harness, const std::string& name, float value, bool identity = false)
{
    const ValueId id = harness.program().find(name);
    ASSERT_NE(id, noValue) << name;
    Tensor contents(harness.program().typeOf(id).shape);
    const auto columns = static_cast<size_t>(contents.shape()[-1]);
    for (size_t i = 0; i < contents.floats().size(); ++i)
        contents.floats()[i] = !identity || i / columns == i % columns ? value : 0;
    harness.set(id, contents);
}

/// A SimpleRNN that adds its state to its input: h' = relu(x·1 + h·carry), x = 1 everywhere.
Tensor countingStates(const std::string& dropout, float carry, bool training)
{
    const layers::Sample sample{{{"units", int64_t{40}}, {"activation", std::string("relu")},
                                    {"output", std::string("sequence")}, {dropout, 0.5}},
        {{Shape{3, 40}, DType::F32}}};
    LayerHarness harness(typeNamed("simple_rnn"), sample, training);
    harness.randomize(3);
    setWeight(harness, "in0", 1);
    setWeight(harness, "node.weight", 1, true);
    setWeight(harness, "node.recurrent_weight", carry, true);
    setWeight(harness, "node.bias", 0);
    harness.run();
    return harness.read(harness.results()[0]);
}

TEST(RecurrentLayers, DropTheSameInputsAtEveryStep)
{
    const Tensor y = countingStates("dropout", 0, true);
    int dropped = 0;
    for (size_t n = 0; n < 3; ++n)
        for (size_t unit = 0; unit < 40; ++unit) {
            const float first = y.floats()[n * 120 + unit];
            EXPECT_TRUE(first == 0.0F || first == 2.0F) << first;
            dropped += first == 0.0F;
            for (size_t step = 1; step < 3; ++step)
                EXPECT_EQ(y.floats()[n * 120 + step * 40 + unit], first);
        }
    EXPECT_GT(dropped, 30);
    EXPECT_LT(dropped, 90);
}

TEST(RecurrentLayers, DropTheSamePartsOfTheStateAtEveryStep)
{
    const Tensor y = countingStates("recurrent_dropout", 1, true);
    int dropped = 0;
    for (size_t n = 0; n < 3; ++n)
        for (size_t unit = 0; unit < 40; ++unit) {
            const auto at = [&](size_t step) { return y.floats()[n * 120 + step * 40 + unit]; };
            const float factor = at(1) == 1.0F ? 0.0F : 2.0F;
            dropped += factor == 0.0F;
            EXPECT_EQ(at(0), 1.0F);
            EXPECT_EQ(at(1), 1 + factor);
            EXPECT_EQ(at(2), 1 + factor * at(1));
        }
    EXPECT_GT(dropped, 30);
    EXPECT_LT(dropped, 90);
}

TEST(RecurrentLayers, DropNothingOutsideTraining)
{
    const Tensor y = countingStates("recurrent_dropout", 1, false);
    for (size_t i = 0; i < y.floats().size(); ++i)
        EXPECT_EQ(y.floats()[i], static_cast<float>(i / 40 % 3 + 1));
}

train::Weights startOf(const std::string& layer, Params params)
{
    const LayerHarness harness(typeNamed(layer), {std::move(params), {sequence}}, true);
    return train::initialWeights(harness.program(), 5);
}

TEST(RecurrentLayers, TheForgetGateStartsOpen)
{
    const Tensor open = startOf("lstm", {{"units", int64_t{3}}}).at("node.bias");
    for (size_t i = 0; i < 12; ++i)
        EXPECT_EQ(open.floats()[i], i / 3 == 1 ? 1.0F : 0.0F);
    const Tensor plain =
        startOf("lstm", {{"units", int64_t{3}}, {"unit_forget_bias", false}}).at("node.bias");
    for (const float v : plain.floats())
        EXPECT_EQ(v, 0.0F);
}

TEST(RecurrentLayers, RecurrentWeightsStartOrthogonal)
{
    const Tensor u = startOf("gru", {{"units", int64_t{5}}}).at("node.recurrent_weight");
    ASSERT_EQ(u.shape(), (Shape{5, 15}));
    for (size_t a = 0; a < 5; ++a)
        for (size_t b = 0; b < 5; ++b) {
            double dot = 0;
            for (size_t k = 0; k < 15; ++k)
                dot += double{u.floats()[a * 15 + k]} * u.floats()[b * 15 + k];
            EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-5);
        }
}

TEST(RecurrentLayers, FrozenOnesHaveNothingToTrain)
{
    const LayerHarness harness(
        typeNamed("lstm"), {{{"frozen", true}, {"layers", int64_t{2}}}, {sequence}}, true);
    EXPECT_EQ(harness.program().parameterElements, 0);
    EXPECT_GT(harness.program().stateElements, 0);
}

/// The layer behind an input of this shape, and what the first proposed repair makes of it.
void expectMended(const std::string& layer, std::vector<int64_t> shape, const std::string& message)
{
    graph::Graph graph =
        test::chain({test::node("input_1", "input", {{"shape", shape}}), test::node("layer", layer),
            test::node("dense_1", "dense"), test::node("cross_entropy_1", "cross_entropy")});
    const graph::Analysis analysis = graph::analyse(graph);
    const graph::Problem* problem = analysis.problemOf("layer");
    ASSERT_NE(problem, nullptr);
    EXPECT_NE(problem->message.find(message), std::string::npos) << problem->message;
    ASSERT_FALSE(problem->proposals.empty());
    ASSERT_TRUE(apply(graph, problem->proposals[0].edit).ok());
    const Status status = graph::analyse(graph).status();
    EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(RecurrentLayers, OfferToReshapeWhatIsNoSequence)
{
    expectMended("lstm", {100}, "LSTM needs sequences (N, steps, features) but gets (N, 100)");
    expectMended("gru", {28, 28, 1}, "GRU needs sequences (N, steps, features) but gets (N, 28, 28, 1)");
    expectMended("simple_rnn", {4, 3, 2, 5}, "SimpleRNN needs sequences");
}

std::string faultOf(const std::string& layer, const Params& params, const std::vector<TensorType>& inputs)
{
    const auto& type = typeNamed(layer);
    const auto inferred = type.infer(completeParams(type.parameters, params, layer).value(), inputs);
    return inferred.fault ? inferred.fault->message : std::string();
}

TEST(RecurrentLayers, NameTheMaskAndStateThatDoNotFit)
{
    const TensorType five{Shape{5}, DType::F32};
    const Params params{{"units", int64_t{5}}, {"layers", int64_t{2}}};
    EXPECT_NE(faultOf("gru", params, {sequence, five}).find("needs a mask (N, 3)"), std::string::npos);
    EXPECT_NE(faultOf("gru", params, {sequence, layers::unconnected, five}).find("an initial state (N, 10)"),
        std::string::npos);
    EXPECT_NE(faultOf("lstm", params, {sequence, layers::unconnected, layers::unconnected, five})
                  .find("an initial cell state (N, 10)"),
        std::string::npos);
    const TensorType ten{Shape{10}, DType::F32};
    EXPECT_EQ(faultOf("lstm", params, {sequence, {Shape{3}, DType::F32}, ten, ten}), "");
}

/// A sequence in one piece, and in two with the state handed over.
TEST(RecurrentPrimitives, GoOnFromAState)
{
    for (const std::string id : {"rnn", "lstm", "gru"}) {
        ir::Builder b;
        const bool cell = id == "lstm";
        const int64_t columns = id == "rnn" ? 4 : cell ? 16 : 12;
        const ValueId x = b.input("x", {Shape{3, 6, 2}, DType::F32});
        const ValueId w = b.input("w", {Shape{2, columns}, DType::F32});
        const ValueId u = b.input("u", {Shape{4, columns}, DType::F32});
        const Params attributes{{"reverse", false}, {"activation", std::string("tanh")}};
        const auto run = [&](ValueId part, ValueId h, ValueId c) {
            std::vector<ValueId> operands{part, w, u, noValue, h, noValue, noValue};
            if (cell)
                operands.push_back(c);
            return b.ops(id, operands, attributes);
        };
        const auto part = [&](int64_t from, int64_t count) {
            return b.op("slice", {x},
                {{"start", std::vector<int64_t>{0, from, 0}}, {"size", std::vector<int64_t>{3, count, 2}}});
        };
        const auto whole = run(x, noValue, noValue);
        const auto first = run(part(0, 2), noValue, noValue);
        const auto second = run(part(2, 4), first[1], cell ? first[2] : noValue);
        b.output("whole", whole[1]);
        b.output("pieces", second[1]);
        const auto plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
        const auto device = backend::open("cpu", {2}).value();
        const auto step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
        Random random(8);
        for (const ValueId input : {x, w, u}) {
            Tensor contents(b.shape(input));
            for (float& v : contents.floats())
                v = random.normal();
            step->write(input, {contents.data(), static_cast<size_t>(contents.bytes())});
        }
        step->run();
        std::vector<float> results[2] = {std::vector<float>(12), std::vector<float>(12)};
        step->read(whole[1], std::as_writable_bytes(std::span(results[0])));
        step->read(second[1], std::as_writable_bytes(std::span(results[1])));
        for (size_t i = 0; i < 12; ++i)
            EXPECT_NEAR(results[0][i], results[1][i], 1e-6) << id;
    }
}

} // namespace
} // namespace gradloom::tests
