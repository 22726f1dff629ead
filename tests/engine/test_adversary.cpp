#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/compile/lower.h"
#include "engine/compile/plan.h"
#include "graph_test_util.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradloom::tests {
namespace {

using graph::Edge;
using graph::Graph;
using graph::Node;
using ir::noValue;
using ir::ValueId;

constexpr int64_t batch = 4;

std::vector<int64_t> shapeOf(std::initializer_list<int64_t> extents)
{
    return extents;
}

/// Noise 3 → Dense → Reshape = fake; Input 4×4×1 = real; → Conv2D → Flatten → Dense 1 → objective.
Graph game(const std::string& objective, const std::string& inner = "leaky_relu")
{
    Graph g;
    g.nodes = {Node{"input_1", "input", {{"shape", shapeOf({4, 4, 1})}}, {}},
        Node{"conv2d_1", "conv2d",
            {{"filters", int64_t{3}}, {"kernel", shapeOf({2, 2})}, {"activation", inner}}, {}},
        Node{"flatten_1", "flatten", {}, {}}, Node{"dense_2", "dense", {{"units", int64_t{1}}}, {}},
        Node{"gan_objective_1", "gan_objective", {{"objective", objective}}, {}},
        Node{"noise_1", "noise", {{"shape", shapeOf({3})}}, {}},
        Node{"dense_1", "dense", {{"units", int64_t{16}}, {"activation", std::string("tanh")}}, {}},
        Node{"reshape_1", "reshape", {{"shape", shapeOf({4, 4, 1})}}, {}},
        Node{"real_or_fake_1", "real_or_fake", {}, {}}};
    g.edges = {Edge{"input_1", 0, "real_or_fake_1", 0}, Edge{"noise_1", 0, "dense_1", 0},
        Edge{"dense_1", 0, "reshape_1", 0}, Edge{"reshape_1", 0, "real_or_fake_1", 1},
        Edge{"real_or_fake_1", 0, "conv2d_1", 0}, Edge{"conv2d_1", 0, "flatten_1", 0},
        Edge{"flatten_1", 0, "dense_2", 0}, Edge{"dense_2", 0, "gan_objective_1", 0}};
    return g;
}

compile::Lowered lowered(const Graph& g, layers::Side side)
{
    compile::LowerOptions options;
    options.batch = batch;
    options.training = true;
    options.side = side;
    return compile::lower(g, options).value();
}

/// The sum of one side's losses with the gradients of all weights, on the CPU.
class SideProgram
{
public:
    SideProgram(const Graph& g, layers::Side side) : m_lowered(lowered(g, side))
    {
        ir::Builder& b = m_lowered.builder;
        ValueId total = noValue;
        for (const auto& loss : m_lowered.losses) {
            const ValueId term = b.scale(b.reduceAll("sum", loss.perSample), loss.weight);
            total = total == noValue ? term : b.add(total, term);
        }
        b.output("total", total);
        for (size_t i = 0; i < b.program().values.size(); ++i)
            if (b.program().values[i].segment == ir::Segment::Parameters)
                m_weights.push_back(static_cast<ValueId>(i));
        const auto gradients = ir::differentiate(b, total, m_weights);
        for (size_t i = 0; i < m_weights.size(); ++i)
            if (gradients[i] != noValue)
                b.output("gradient:" + b.program()[m_weights[i]].name, gradients[i]);
        m_plan = std::make_shared<compile::Plan>(compile::plan(b.program()));
        m_device = backend::open("cpu", {2}).value();
        m_model = backend::allocateModel(*m_device, m_plan->program).value();
        m_executable = m_device->load(m_plan, m_model).value();
        randomize();
    }

    const ir::Program& program() const { return m_plan->program; }
    const std::vector<ValueId>& weights() const { return m_weights; }
    bool hasGradient(const std::string& name) const { return program().outputs.contains("gradient:" + name); }

    double total() { return read("total").floats()[0]; }
    Tensor read(const std::string& output)
    {
        m_executable->poison();
        m_executable->run();
        const ValueId id = program().outputs.at(output);
        Tensor values(program().typeOf(id).shape);
        m_executable->read(id, {values.data(), static_cast<size_t>(values.bytes())});
        return values;
    }
    /// Moves one number of a weight.
    void move(ValueId weight, int64_t element, float amount)
    {
        float value = 0;
        const int64_t place = (program()[weight].offset + element) * 4;
        m_model.parameters->download(std::as_writable_bytes(std::span(&value, 1)), place);
        value += amount;
        m_model.parameters->upload(std::as_bytes(std::span(&value, 1)), place);
    }

private:
    void randomize()
    {
        Random random(3);
        std::vector<float> weights(static_cast<size_t>(program().parameterElements));
        for (float& x : weights)
            x = random.uniform(-0.5F, 0.5F);
        m_model.parameters->upload(std::as_bytes(std::span(weights)), 0);
        for (size_t i = 0; i < program().values.size(); ++i) {
            const ir::Value& value = program().values[i];
            if (!value.input)
                continue;
            Tensor contents(value.type.shape, value.type.dtype);
            if (value.type.dtype == DType::F32)
                for (float& x : contents.floats())
                    x = random.normal();
            m_executable->write(
                static_cast<ValueId>(i), {contents.data(), static_cast<size_t>(contents.bytes())});
        }
    }

    compile::Lowered m_lowered;
    std::vector<ValueId> m_weights;
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Backend> m_device;
    backend::ModelMemory m_model;
    std::unique_ptr<backend::Executable> m_executable;
};

/// Largest difference between gradient and central difference, relative to the largest gradient of that weight.
double worstDeviation(SideProgram& side)
{
    double worst = 0;
    constexpr float step = 4e-3F;
    for (ValueId weight : side.weights()) {
        const std::string name = side.program()[weight].name;
        if (!side.hasGradient(name))
            continue;
        const Tensor gradient = side.read("gradient:" + name);
        double scale = 1;
        for (float g : gradient.floats())
            scale = std::max(scale, std::abs(static_cast<double>(g)));
        for (int64_t i = 0; i < gradient.elements(); ++i) {
            side.move(weight, i, step);
            const double above = side.total();
            side.move(weight, i, -2 * step);
            const double below = side.total();
            side.move(weight, i, step);
            const double numeric = (above - below) / (2.0 * step);
            worst = std::max(worst, std::abs(numeric - gradient.floats()[static_cast<size_t>(i)]) / scale);
        }
    }
    return worst;
}

TEST(Adversary, EverySideAndObjectiveHasTheRightGradients)
{
    for (const char* objective : {"minimax", "non_saturating", "least_squares", "wasserstein"})
        for (const auto side : {layers::Side::Discriminator, layers::Side::Generator}) {
            SideProgram program(game(objective, "tanh"), side);
            EXPECT_LT(worstDeviation(program), 4e-3) << objective << " side " << static_cast<int>(side);
        }
}

TEST(Adversary, GradientPenaltyIsDifferentiatedTwiceThroughEveryActivation)
{
    for (const char* activation : {"none", "tanh", "sigmoid", "elu", "silu", "gelu", "leaky_relu"}) {
        SideProgram program(game("wasserstein", activation), layers::Side::Discriminator);
        // With a kink the two sides of a difference may lie on different branches.
        const double tolerance = std::string(activation) == "leaky_relu" ? 0.05 : 6e-3;
        EXPECT_LT(worstDeviation(program), tolerance) << activation;
    }
}

TEST(Adversary, SidesShareTheWeightsAndTheGeneratorsComeFirst)
{
    const auto discriminator = lowered(game("wasserstein"), layers::Side::Discriminator);
    const auto generator = lowered(game("wasserstein"), layers::Side::Generator);
    EXPECT_EQ(discriminator.generatorElements, 3 * 16 + 16);
    EXPECT_EQ(generator.generatorElements, discriminator.generatorElements);
    const auto& a = discriminator.builder.program();
    const auto& b = generator.builder.program();
    EXPECT_EQ(a.parameterElements, b.parameterElements);
    for (const ir::Value& value : a.values)
        if (value.segment == ir::Segment::Parameters) {
            const ValueId other = b.find(value.name);
            ASSERT_NE(other, noValue) << value.name;
            EXPECT_EQ(b[other].offset, value.offset) << value.name;
            EXPECT_EQ(value.offset < a.parameterElements && value.name.starts_with("dense_1"),
                value.offset < discriminator.generatorElements)
                << value.name;
        }
}

TEST(Adversary, DiscriminatorSeesTwiceAsManyAndTheGeneratorIsJudgedAlone)
{
    const auto discriminator = lowered(game("minimax"), layers::Side::Discriminator);
    const auto generator = lowered(game("minimax"), layers::Side::Generator);
    const auto rows = [](const compile::Lowered& l) { return l.builder.shape(l.nodes.at("dense_2")[0])[0]; };
    EXPECT_EQ(rows(discriminator), 2 * batch);
    EXPECT_EQ(rows(generator), batch);
    EXPECT_EQ(rows(lowered(game("minimax"), layers::Side::None)), batch);
}

TEST(Adversary, NoSecondDerivativeIsAnErrorThatNamesTheNode)
{
    Graph g = game("wasserstein");
    g.nodes.push_back(Node{"max_pool2d_1", "max_pool2d", {}, {}});
    g.edges[5] = Edge{"conv2d_1", 0, "max_pool2d_1", 0};
    g.edges.push_back(Edge{"max_pool2d_1", 0, "flatten_1", 0});
    compile::LowerOptions options;
    options.batch = batch;
    options.training = true;
    options.side = layers::Side::Discriminator;
    const auto result = compile::lower(g, options);
    // The penalty itself needs the first derivative only; its own gradient needs the second.
    ASSERT_TRUE(result);
    auto built = *result;
    const ValueId loss = built.builder.reduceAll("sum", built.losses.back().perSample);
    const ValueId targets[] = {built.builder.program().find("conv2d_1.weight")};
    EXPECT_THROW(ir::differentiate(built.builder, loss, targets), ir::NotDifferentiable);
}

TEST(Adversary, IncompleteGamesAreExplained)
{
    const auto messageOf = [](const Graph& g) {
        const auto found = graph::findAdversary(g);
        return found ? std::string() : found.error().message;
    };
    EXPECT_EQ(messageOf(game("minimax")), "");
    Graph noFake = game("minimax");
    std::erase_if(noFake.edges, [](const Edge& e) { return e.to == "real_or_fake_1" && e.toPort == 1; });
    EXPECT_NE(messageOf(noFake).find("fake"), std::string::npos);
    Graph noMeeting = game("minimax");
    std::erase_if(noMeeting.nodes, [](const Node& n) { return n.id == "real_or_fake_1"; });
    std::erase_if(noMeeting.edges, [](const Edge& e) { return e.to == "real_or_fake_1" || e.from == "real_or_fake_1"; });
    EXPECT_NE(messageOf(noMeeting).find("Real or fake"), std::string::npos);
    Graph two = game("minimax");
    two.nodes.push_back(Node{"gan_objective_2", "gan_objective", {}, {}});
    EXPECT_NE(messageOf(two).find("gan_objective_2"), std::string::npos);
}

} // namespace
} // namespace gradloom::tests
