#pragma once

#include "engine/base/registry.h"
#include "engine/ir/builder.h"

#include <functional>
#include <optional>
#include <span>

namespace gradloom::layers {

/// What can be done about a fault, in terms of the node it was found at. The graph turns it into an edit.
struct Repair
{
    enum class Kind {
        InsertBefore, ///< put a new `layer` with `params` on the connection into input port `port`
        SetParameter  ///< set option `key` to `value`
    };
    Kind kind = Kind::SetParameter;
    std::string title; ///< what the button says: "Insert Flatten", "Use padding same"
    std::string layer;
    Params params;
    int port = 0;
    std::string key;
    ParamValue value;
};

/// Why a layer cannot work with its inputs: one sentence, and what would mend it.
struct Fault
{
    std::string message;
    std::vector<Repair> repairs;
};

/// Types of one sample at a layer's output ports (no batch dimension), or the fault.
struct Inferred
{
    std::vector<TensorType> outputs;
    std::optional<Fault> fault;

    Inferred(TensorType output) : outputs{std::move(output)} {}
    Inferred(Shape output) : outputs{TensorType{output, DType::F32}} {}
    Inferred(std::vector<TensorType> all) : outputs(std::move(all)) {}
    Inferred(Fault problem) : fault(std::move(problem)) {}
};

/// What an input port takes. The analysis refuses the rest with a sentence, so that no layer has to.
enum class Takes {
    Numbers, ///< F32
    Tokens,  ///< I32: words of a text, classes
    Both
};

struct Port
{
    std::string name;     ///< "in", "out", "prediction", "target"
    std::string help;
    bool optional = false; ///< an input that may stay unconnected
    Takes takes = Takes::Numbers;
};

/// What the data set says about each sample, by name and type per sample. The first one is what a loss compares with
/// unless a Labels node names another. Empty where no data set is known.
struct TargetType
{
    std::string name;
    TensorType type;
    bool operator==(const TargetType&) const = default;
};
using TargetTypes = std::vector<TargetType>;

/// Which share of each batch a step computes, where several devices share it.
struct Share
{
    int64_t index = 0;
    int64_t count = 0;   ///< shares of a batch; 0: it is whole
    int64_t samples = 0; ///< of this share
};

/// Which half of an adversarial step (a GAN's) is written.
enum class Side {
    None,          ///< none: the discriminator sees real samples only
    Discriminator, ///< it sees the real samples of the batch, then as many fake ones
    Generator      ///< it sees fake samples only
};

/// What the discriminator of a GAN is shown, for the objective behind it.
struct Judged
{
    ir::ValueId samples = ir::noValue; ///< what the node Real or fake gives
    /// The discriminator's result for other samples, with the same weights.
    std::function<ir::ValueId(ir::ValueId samples)> again;
};

/// What a layer writes to while it is lowered to primitives. Values carry the batch as first dimension.
class LowerContext
{
public:
    LowerContext(ir::Builder& builder, std::string nodeId, bool forTraining)
        : b(builder), node(std::move(nodeId)), training(forTraining)
    {
    }

    ir::Builder& b;
    std::string node;
    bool training;
    bool generate = false; ///< make samples from noise alone, as after training: Sample z draws from N(0, 1)
    bool generative = false; ///< set by a layer that can do so
    Side side = Side::None;
    const Judged* judged = nullptr; ///< an adversarial loss: the discriminator in front of it
    int64_t batch = 1;
    Share share;
    Params params;                              ///< complete
    std::vector<ir::ValueId> inputs;            ///< one per port, noValue where unconnected
    std::vector<TensorType> outputTypes;        ///< what infer said, per sample
    std::vector<TensorType> inputTypes;         ///< what infer was given, per sample
    TargetTypes labels;                         ///< what the data set says about each sample

    /// The value at an input port, noValue where nothing is connected.
    ir::ValueId in(int port = 0) const
    {
        const auto index = static_cast<size_t>(port);
        return index < inputs.size() ? inputs[index] : ir::noValue;
    }
    /// A tensor the data set provides: "input" or what targetInputName says, of this type per sample.
    ir::ValueId batchInput(const std::string& name, const TensorType& perSample);
    /// What a loss compares with: its second port, or the data set's labels where nothing is connected.
    ir::ValueId target();
    /// Whether the option `frozen` is set.
    bool frozen() const;
    /// A weight "<node>.<name>", not trained where the node is frozen.
    ir::ValueId weight(const std::string& name, Shape shape, ir::Initializer initializer);
    /// A weight with the option `initializer`, the penalties l1·Σ|w| and l2·Σw² of the options `l1` and `l2`, and
    /// the limit of the option `max_norm` on each column (the last dimension counts them).
    ir::ValueId kernel(Shape shape, int64_t fanIn, int64_t fanOut);
    /// The same for a layer with several: a name and an initializer of its own.
    ir::ValueId kernel(const std::string& name, Shape shape, ir::Initializer initializer);
    /// A tensor "<node>.<name>" kept from step to step, not trained.
    ir::ValueId state(const std::string& name, Shape shape, ir::Initializer initializer);
    /// Four integers (seed low, seed high, step, 0) that random primitives take; the caller of the program sets them
    /// before every step.
    ir::ValueId randomCounter();
    /// A number that stays this node's own when other nodes come and go.
    int64_t randomStream() const;
    /// Options of a random primitive that draws `perSample` numbers for each of so many samples: a share of a batch
    /// draws those that its samples have in the whole one.
    Params randomOptions(Params options, int64_t samples, int64_t perSample) const;
    /// x with some elements dropped, the others scaled up; x has a row for each sample of the batch.
    ir::ValueId drop(ir::ValueId x, double rate, int64_t stream);
    /// Random numbers: kind "normal" (mean 0, deviation 1) or "uniform" (0 up to 1), new ones in every step.
    ir::ValueId randomNumbers(const std::string& kind, const Shape& shape);
    /// x added up over all shares of the batch.
    ir::ValueId overShares(ir::ValueId x) { return share.count > 0 ? b.op("sum_over_devices", {x}) : x; }
    /// Applies the activation named by an `activation` option.
    ir::ValueId activate(ir::ValueId x, const std::string& activation);
    /// The operand of the operation `type` ("softmax", "sigmoid") that made `x`, or `x` itself. A sigmoid is found
    /// through Reshape and Flatten too.
    ir::ValueId before(const std::string& type, ir::ValueId x);

    /// A loss for each sample (shape {N}); `share` is its weight in the total.
    void addLoss(ir::ValueId perSample, double share) { losses.push_back({perSample, share}); }
    /// A number for each sample (shape {N}) whose mean is shown under this name, for example "accuracy".
    void addMetric(std::string name, ir::ValueId perSample) { metrics.emplace_back(std::move(name), perSample); }

    struct Loss
    {
        ir::ValueId perSample;
        double share;
    };
    /// Columns of a trained weight, none longer than `limit` after an update.
    struct MaxNorm
    {
        ir::ValueId weight;
        double limit;
    };
    std::vector<MaxNorm> maxNorms;
    std::vector<ir::ValueId> penalties; ///< terms of the loss that stem from weights, shape {1} each
    std::vector<Loss> losses;
    std::vector<std::pair<std::string, ir::ValueId>> metrics;
    ir::ValueId scores = ir::noValue;        ///< a loss: what it judges, before softmax or sigmoid (N×C)
    ir::ValueId probabilities = ir::noValue; ///< a loss: what a prediction shows (N×C)
    ir::ValueId truth = ir::noValue;         ///< a loss: what it compares with, set by target()
    /// A loss: rows of the prediction choose a class (integer truth, or a truth of the same shape whose largest
    /// number counts; a single number says yes above one half). Otherwise it predicts numbers.
    bool classes = false;
    ir::ValueId steps = ir::noValue; ///< a loss over steps: 1 for those that count, 0 for the others (N×T)
};

/// Stands for an optional input port without connection in a Sample.
inline const TensorType unconnected{};

/// The program's input that carries a target of the data set: "labels" for the first one (`name` is its name or
/// empty), "labels:<name>" for the others.
std::string targetInputName(const TargetTypes& targets, const std::string& name);
/// What a Labels node with these (complete) options takes from the data set for each sample.
TensorType labelsDataType(const Params& params);

/// A configuration on which the tests check the layer: options and the types of the inputs (per sample).
struct Sample
{
    Params params;
    std::vector<TensorType> inputs;
};

/// What a layer is for in a drawing.
enum class Role {
    Data,  ///< Input, Labels, Noise: values come from the data set
    Layer, ///< computes
    Loss   ///< ends a path with something to minimise
};

/// A layer as data. One file in engine/layers/types returns one of these, and that is all there is to a layer:
/// palette, inspector, validation, files, documentation and tests read this value.
struct LayerType
{
    std::string id; ///< in files: "conv2d"; never changes
    int version = 1;
    std::string title;    ///< "Conv2D"
    std::string category; ///< one of layerCategories()
    Role role = Role::Layer;
    std::string help;    ///< one line
    std::string formula; ///< readable Unicode text
    std::vector<ParamSpec> parameters;
    std::vector<Port> inputs{{"in", "", false}};
    std::vector<Port> outputs{{"out", "", false}};
    bool variadic = false; ///< takes any number of inputs, two at least (Add, Concat)
    /// Belongs to the game of a GAN: the layer where real and fake samples meet, and the loss both sides play for.
    bool adversarial = false;

    /// Types of the outputs for one sample. `params` are complete; every connected input's type is known; an
    /// unconnected optional input has rank 0.
    std::function<Inferred(const Params& params, std::span<const TensorType> inputs)> infer;
    /// Emits primitives; returns one value per output port. Called only where infer found no fault.
    std::function<std::vector<ir::ValueId>(LowerContext& context)> lower;
    /// What stands in the node on the canvas: "32 · 3×3 · ReLU".
    std::function<std::string(const Params& params)> summary;
    std::vector<Sample> samples;
};

/// Categories in the order of the palette, with the name of their colour in the themes.
struct Category
{
    std::string id;    ///< "convolution"; also the colour's key in resources/themes
    std::string title; ///< "Convolution"
};
const std::vector<Category>& layerCategories();

const Registry<LayerType>& layerTypes();

} // namespace gradloom::layers
