#include "engine/layers/loss_options.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

constexpr const char* wassersteinObjective = "wasserstein";

/// What the discriminator loses for its scores of real samples.
ir::ValueId lossOnReal(ir::Builder& b, const std::string& objective, ir::ValueId score)
{
    if (objective == wassersteinObjective)
        return b.unary("neg", score);
    if (objective == "least_squares")
        return b.scale(b.unary("square", b.offset(score, -1)), 0.5);
    return b.unary("softplus", b.unary("neg", score)); // −ln sigmoid(s)
}

/// What it loses for its scores of fake ones.
ir::ValueId lossOnFake(ir::Builder& b, const std::string& objective, ir::ValueId score)
{
    if (objective == wassersteinObjective)
        return score;
    if (objective == "least_squares")
        return b.scale(b.unary("square", score), 0.5);
    return b.unary("softplus", score); // −ln(1 − sigmoid(s))
}

ir::ValueId lossOfGenerator(ir::Builder& b, const std::string& objective, ir::ValueId score)
{
    if (objective == "minimax")
        return b.unary("neg", b.unary("softplus", score)); // ln(1 − sigmoid(s))
    return lossOnReal(b, objective, score);
}

/// Samples `first` to `first + count` of x.
ir::ValueId rowsOf(ir::Builder& b, ir::ValueId x, int64_t first, int64_t count)
{
    std::vector<int64_t> size = b.shape(x).toVector();
    std::vector<int64_t> start(size.size(), 0);
    start[0] = first;
    size[0] = count;
    return b.op("slice", {x}, {{"start", start}, {"size", size}});
}

/// (‖∇D(x̂)‖ − 1)² for each sample, x̂ between a real and a fake one: Gulrajani et al. 2017, algorithm 1.
ir::ValueId gradientPenalty(LowerContext& c)
{
    ir::Builder& b = c.b;
    const ir::ValueId both = c.judged->samples;
    const int64_t n = b.shape(both)[0] / 2;
    const ir::ValueId real = rowsOf(b, both, 0, n);
    const ir::ValueId fake = rowsOf(b, both, n, n);
    std::vector<int64_t> ones(static_cast<size_t>(b.shape(real).rank()), 1);
    ones[0] = n;
    const ir::ValueId share = b.op("broadcast", {b.reshape(c.randomNumbers("uniform", Shape{n}), Shape(ones))},
        {{"shape", b.shape(real).toVector()}});
    const ir::ValueId between = b.add(fake, b.mul(share, b.sub(real, fake)));
    const ir::ValueId score = c.judged->again(between);
    const ir::ValueId targets[] = {between};
    const ir::ValueId gradient = ir::differentiate(b, b.reduceAll("sum", score), targets)[0];
    const ir::ValueId flat = b.reshape(gradient, Shape{n, b.shape(real).elements() / n});
    const ir::ValueId norm = b.unary("sqrt", b.offset(b.reduce("sum", b.unary("square", flat), {1}), 1e-12));
    return b.unary("square", b.offset(norm, -1));
}

std::vector<ir::ValueId> lowerObjective(LowerContext& c)
{
    ir::Builder& b = c.b;
    const std::string& objective = c.params.text("objective");
    const int64_t rows = b.shape(c.in())[0];
    const ir::ValueId score = b.reshape(c.in(), Shape{rows});
    if (c.side == Side::Generator) {
        c.addLoss(lossOfGenerator(b, objective, score), 1);
        return {};
    }
    if (!c.judged) { // nothing tells real from fake: all are real
        c.addLoss(lossOnReal(b, objective, score), 1);
        return {};
    }
    const ir::ValueId real = rowsOf(b, score, 0, rows / 2);
    const ir::ValueId fake = rowsOf(b, score, rows / 2, rows / 2);
    c.addLoss(b.add(lossOnReal(b, objective, real), lossOnFake(b, objective, fake)), 1);
    if (const double penalty = c.params.real("penalty");
        c.training && objective == wassersteinObjective && penalty > 0)
        c.addLoss(gradientPenalty(c), penalty);
    const bool odds = objective == "minimax" || objective == "non_saturating";
    c.addMetric("score_real", odds ? b.unary("sigmoid", real) : real);
    c.addMetric("score_fake", odds ? b.unary("sigmoid", fake) : fake);
    return {};
}

} // namespace

LayerType gan_objective()
{
    LayerType type;
    type.id = "gan_objective";
    type.title = "GAN objective";
    type.category = "generative";
    type.role = Role::Loss;
    type.adversarial = true;
    type.help = "What the two sides of a GAN play for. Training then alternates: a step of the discriminator, a step of the "
                "generator.";
    type.formula = "D: max E[ln D(x)] + E[ln(1 − D(G(z)))];  G: max E[ln D(G(z))]";
    type.inputs = {{"score", "one number a sample: the higher, the more real it looks", false}};
    type.outputs = {};
    type.parameters = {
        choiceParam("objective", "Objective", "non_saturating",
            {{"minimax", "minimax"}, {"non_saturating", "non-saturating"}, {"least_squares", "least squares"},
                {wassersteinObjective, "Wasserstein"}},
            "minimax and non-saturating: Goodfellow et al. 2014. least squares: Mao et al. 2017. Wasserstein with gradient "
            "penalty: Gulrajani et al. 2017."),
        realParam("penalty", "Gradient penalty", 10, 0, 1e6,
            "λ, for the Wasserstein objective: keeps the slope of the discriminator at 1."),
        integerParam("discriminator_steps", "Steps of D", 1, 1, 100,
            "Steps of the discriminator for each step of the generator; 5 is usual with Wasserstein.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.elements() == 1)
            return std::vector<TensorType>{};
        Fault fault{"GAN objective needs one number a sample but gets " + batchShape(in[0].shape) +
                ". Let the discriminator end with Dense 1.",
            {}};
        fault.repairs.push_back({Repair::Kind::InsertBefore, "Insert Dense 1", "dense", {{"units", int64_t{1}}}, 0, {}, {}});
        return fault;
    };
    type.lower = lowerObjective;
    type.summary = [](const Params& p) {
        std::string name = p.text("objective");
        std::replace(name.begin(), name.end(), '_', name == "non_saturating" ? '-' : ' ');
        return name;
    };
    const TensorType score{Shape{1}, DType::F32};
    for (const char* objective : {"minimax", "non_saturating", "least_squares", wassersteinObjective})
        type.samples.push_back({{{"objective", std::string(objective)}}, {score}});
    return type;
}

} // namespace gradloom::layers
