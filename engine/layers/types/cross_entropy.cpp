#include "engine/layers/loss_options.h"

namespace gradloom::layers {

namespace {

/// A prediction (N, C) or (N, T, C) as rows of scores, what is true of each row, and the way back.
struct CrossEntropyRows
{
    ir::ValueId scores = ir::noValue; ///< {R, C}
    ir::ValueId labels = ir::noValue; ///< {R} integers, or {R, C} shares
    bool whole = true;                ///< integers
};

CrossEntropyRows rowsOf(LowerContext& c, ir::ValueId target)
{
    const Shape x = c.b.shape(c.scores);
    const int64_t classes = x[-1];
    const int64_t rows = x.elements() / classes;
    CrossEntropyRows result;
    result.whole = c.b.type(target).dtype == DType::I32;
    const bool sequence = x.rank() == 3;
    result.scores = sequence ? c.b.reshape(c.scores, Shape{rows, classes}) : c.scores;
    const Shape flat = result.whole ? Shape{rows} : Shape{rows, classes};
    result.labels = sequence ? c.b.reshape(target, flat) : target;
    return result;
}

/// −Σ t·ln softmax(x) with a share ε of t spread evenly over all classes (Szegedy et al. 2016, section 7).
ir::ValueId softLoss(LowerContext& c, const CrossEntropyRows& rows)
{
    ir::Builder& b = c.b;
    const int64_t classes = b.shape(rows.scores)[1];
    const double smoothing = c.params.real("label_smoothing");
    auto target = rows.whole ? b.op("one_hot", {rows.labels}, {{"classes", classes}}) : rows.labels;
    if (smoothing > 0)
        target = b.offset(b.scale(target, 1 - smoothing), smoothing / static_cast<double>(classes));
    return b.unary("neg", b.reduce("sum", b.mul(target, logSoftmaxOf(b, rows.scores)), {1}));
}

/// 1 for each step that counts {N, T}: by the mask, and by what is true where one token stands for padding.
/// noValue where all count.
ir::ValueId stepsThatCount(LowerContext& c, const CrossEntropyRows& rows)
{
    ir::Builder& b = c.b;
    const int64_t padding = c.params.integer("padding_token");
    const Shape x = b.shape(c.scores);
    if (x.rank() == 2 || padding < 0 || !rows.whole)
        return c.in(2);
    const auto table = b.op("fill", {}, {{"shape", std::vector<int64_t>{1, 1}}, {"value", 0.0}});
    const auto real = b.ops("gather", {table, rows.labels}, {{"padding", padding}})[1];
    const auto steps = b.reshape(real, Shape{x[0], x[1]});
    return c.in(2) == ir::noValue ? steps : b.mul(steps, c.in(2));
}

/// A number for each row {R} as one for each sample {N}: the mean over its steps that count.
ir::ValueId meanOverSteps(LowerContext& c, ir::ValueId rows)
{
    ir::Builder& b = c.b;
    const Shape x = b.shape(c.scores);
    if (x.rank() == 2)
        return rows;
    const auto steps = b.reshape(rows, Shape{x[0], x[1]});
    if (c.steps == ir::noValue)
        return b.reduce("mean", steps, {1});
    const auto sum = b.reduce("sum", b.mul(steps, c.steps), {1});
    return b.div(sum, b.unary("maximum_scalar", b.reduce("sum", c.steps, {1}), 1));
}

std::vector<ir::ValueId> lowerCrossEntropy(LowerContext& c)
{
    ir::Builder& b = c.b;
    const auto target = c.target();
    c.classes = true;
    c.scores = c.before("softmax", c.in());
    const CrossEntropyRows rows = rowsOf(c, target);
    c.steps = stepsThatCount(c, rows);
    ir::ValueId loss = ir::noValue;
    if (rows.whole && c.params.real("label_smoothing") == 0) {
        const auto results = b.ops("softmax_cross_entropy", {rows.scores, rows.labels});
        loss = results[0];
        c.probabilities =
            b.shape(c.scores).rank() == 3 ? b.reshape(results[1], b.shape(c.scores)) : results[1];
    } else {
        loss = softLoss(c, rows);
        c.probabilities = c.scores == c.in() ? b.op("softmax", {c.scores}) : c.in();
    }
    c.addLoss(meanOverSteps(c, loss), c.params.real("weight"));
    const auto labels = rows.whole ? rows.labels : b.op("argmax", {rows.labels});
    const auto right = b.op("top_k_correct", {rows.scores, labels}, {{"k", int64_t{1}}});
    c.addMetric("accuracy", meanOverSteps(c, right));
    return {};
}

Inferred inferCrossEntropy(const Params&, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    const TensorType& target = in[1];
    const bool steps = target.dtype == DType::I32 ? target.shape.rank() == 1 : target.shape.rank() == 2;
    if (x.rank() != 1 && !(x.rank() == 2 && steps))
        return needsFeatures("Cross-entropy", x);
    if (x[-1] < 2)
        return Fault{"Cross-entropy needs at least two classes but gets one number. Use Binary cross-entropy "
                     "or more units.",
            {}};
    const bool fits = target.dtype == DType::I32 ? target.shape == (x.rank() == 2 ? Shape{x[0]} : Shape())
                                                 : target.shape == x;
    if (!fits)
        return targetMismatch("Cross-entropy", in);
    const Shape mask = in.size() > 2 ? in[2].shape : Shape();
    if (mask.rank() > 0 && !(x.rank() == 2 && mask == Shape{x[0]}))
        return Fault{"Cross-entropy takes a mask with a number for each step, but it is " + batchShape(mask) +
                         " for a prediction " + batchShape(x) + ".",
            {}};
    return std::vector<TensorType>{};
}

} // namespace

LayerType cross_entropy()
{
    LayerType type = lossLayer("cross_entropy", "Cross-entropy");
    type.help = "For one class out of several: punishes a small probability of the right class, for "
                "sequences at every "
                "step. Takes scores or a softmax, which it fuses with.";
    type.formula = "L = −ln softmax(x)[label], for sequences the mean over their steps";
    type.inputs.push_back({"mask", "for sequences: 1 for a step that counts, 0 for padding", true});
    type.parameters.push_back(realParam("label_smoothing", "Label smoothing", 0, 0, 0.999,
        "Share of the truth that is spread evenly over all classes: keeps the network from being too sure."));
    type.parameters.push_back(integerParam("padding_token", "Padding token", -1, -1, 10000000,
        "For sequences of tokens: steps where this one is true do not count; −1: all count."));
    type.infer = inferCrossEntropy;
    type.lower = lowerCrossEntropy;
    const TensorType scores{Shape{5}, DType::F32};
    const TensorType steps{Shape{3, 4}, DType::F32};
    const TensorType mask{Shape{3}, DType::F32};
    const auto inputs = [](const TensorType& x, const TensorType& target, const TensorType& where) {
        return std::vector<TensorType>{x, target, where};
    };
    const TensorType label{Shape(), DType::I32};
    type.samples = {{{}, inputs(scores, label, unconnected)},
        {{{"weight", 0.5}}, inputs(scores, scores, unconnected)},
        {{{"label_smoothing", 0.1}}, inputs(scores, label, unconnected)},
        {{}, inputs(steps, {Shape{3}, DType::I32}, unconnected)},
        {{{"label_smoothing", 0.2}}, inputs(steps, {Shape{3}, DType::I32}, mask)},
        {{{"padding_token", int64_t{1}}}, inputs(steps, {Shape{3}, DType::I32}, unconnected)},
        {{}, inputs(steps, steps, unconnected)}};
    return type;
}

} // namespace gradloom::layers
