#include "engine/compile/lower.h"
#include "engine/explain/method_type.h"
#include "engine/explain/overlay.h"
#include "engine/train/evaluate.h"

#include <algorithm>
#include <chrono>

namespace gradloom::explain {

namespace {

/// Forward pass for one picture and the gradient of one class score with respect to the layer's result.
/// Inputs: "input", "chosen" (1×C: 1 for the class, 0 for the others). Outputs: "features", "gradient"
/// (1×h×w×K), "probabilities".
Result<ir::Program> gradientProgram(const train::Model& model, const std::string& layer)
{
    compile::LowerOptions options;
    options.labels = model.labels();
    options.watch = {layer};
    auto lowered = compile::lower(model.graph(), options);
    if (!lowered)
        return lowered.error();
    const bool classes = lowered->scores != ir::noValue && lowered->probabilities != ir::noValue &&
                         lowered->builder.shape(lowered->scores).rank() == 2;
    if (!classes)
        return unsupported("Grad-CAM explains classifiers; this drawing has no loss that judges classes.");
    ir::Builder& b = lowered->builder;
    const ir::ValueId features = lowered->nodes.at(layer).at(0);
    const ir::ValueId chosen = b.input("chosen", b.type(lowered->scores));
    const ir::ValueId score = b.reduceAll("sum", b.mul(lowered->scores, chosen));
    const ir::ValueId targets[] = {features};
    const ir::ValueId gradient = ir::differentiate(b, score, targets)[0];
    if (gradient == ir::noValue)
        return invalidArgument(
            "The class scores do not depend on \"" + layer + "\"; choose another layer.", layer);
    b.program().outputs.clear();
    b.output("features", features);
    b.output("gradient", gradient);
    b.output("probabilities", lowered->probabilities);
    return std::move(b.program());
}

/// One class of two may be told by a single score; the other class's score is then its negative.
void choose(train::LoadedProgram& program, int classIndex, int64_t columns)
{
    Tensor chosen(Shape{1, columns});
    if (columns == 1)
        chosen.floats()[0] = classIndex == 0 ? -1.0f : 1.0f;
    else
        chosen.floats()[static_cast<size_t>(classIndex)] = 1.0f;
    program.write("chosen", chosen);
}

/// Equations 1 and 2 of the paper: ReLU(Σ_k α_k A_k) with α_k the mean of the gradient over the map.
Tensor weightedMaps(const Tensor& features, const Tensor& gradient)
{
    const Shape& shape = features.shape();
    const auto pixels = static_cast<size_t>(shape[1] * shape[2]);
    const auto channels = static_cast<size_t>(shape[3]);
    std::vector<double> alpha(channels, 0.0);
    for (size_t p = 0; p < pixels; ++p)
        for (size_t k = 0; k < channels; ++k)
            alpha[k] += gradient.floats()[p * channels + k] / static_cast<double>(pixels);
    Tensor map(Shape{shape[1], shape[2]});
    for (size_t p = 0; p < pixels; ++p) {
        double sum = 0;
        for (size_t k = 0; k < channels; ++k)
            sum += alpha[k] * features.floats()[p * channels + k];
        map.floats()[p] = static_cast<float>(std::max(sum, 0.0));
    }
    return map;
}

Result<std::string> chooseLayer(const train::Model& model, const std::string& wanted)
{
    const auto nodes = convolutionalNodes(model.graph(), model.labels());
    if (nodes.empty())
        return unsupported(
            "Grad-CAM needs a layer with feature maps (height × width × channels); this drawing has none.");
    if (wanted.empty())
        return defaultLayer(model.graph(), model.labels());
    if (std::find(nodes.begin(), nodes.end(), wanted) != nodes.end())
        return wanted;
    std::string known;
    for (const auto& node : nodes)
        known += (known.empty() ? "" : ", ") + node;
    return invalidArgument(
        "\"" + wanted + "\" is no layer with feature maps; choose one of " + known + ".", wanted);
}

Result<Answer> explainGradcam(train::Model& model, const Question& question)
{
    const auto begin = std::chrono::steady_clock::now();
    auto layer = chooseLayer(model, question.layer);
    if (!layer)
        return layer.error();
    auto found = model.program("gradcam:" + *layer, [&] { return gradientProgram(model, *layer); });
    if (!found)
        return found.error();
    train::LoadedProgram& program = **found;
    if (const TensorType* input = program.inputType("input");
        input && !(input->shape.withoutFirst() == question.sample.shape()))
        return invalidArgument("The network takes samples of " + input->shape.withoutFirst().toString() +
                               " but this one is " + question.sample.shape().toString() + ".");
    const int64_t columns = program.outputType("probabilities").shape[-1];
    const int64_t classes = std::max<int64_t>(columns, 2);
    if (question.classIndex >= classes)
        return invalidArgument("There is no class " + std::to_string(question.classIndex) +
                               "; the network knows 0 to " + std::to_string(classes - 1) + ".");
    Answer answer;
    answer.layer = *layer;
    program.write("input", question.sample);
    answer.classIndex = std::max(question.classIndex, 0);
    choose(program, answer.classIndex, columns);
    program.run();
    const Tensor probabilities = program.read("probabilities");
    const int predicted = train::predictedClass(probabilities.floats());
    if (question.classIndex < 0 && predicted != answer.classIndex) {
        answer.classIndex = predicted;
        choose(program, predicted, columns);
        program.run();
    }
    answer.probabilities = Tensor(Shape{columns});
    std::copy(
        probabilities.floats().begin(), probabilities.floats().end(), answer.probabilities.floats().begin());
    answer.map = weightedMaps(program.read("features"), program.read("gradient"));
    answer.heat = heatOf(answer.map, question.sample.shape()[0], question.sample.shape()[1]);
    answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return answer;
}

} // namespace

/// Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based localization",
/// 2017. The score is the one before softmax, as there.
MethodType gradcam()
{
    MethodType type;
    type.id = "gradcam";
    type.title = "Grad-CAM";
    type.help = "Shows where in the picture the feature maps of a layer speak for a class.";
    type.formula = "α_k = mean(∂y/∂A_k);  map = ReLU(Σ_k α_k·A_k)";
    type.needsLayer = true;
    type.explain = explainGradcam;
    return type;
}

} // namespace gradloom::explain
