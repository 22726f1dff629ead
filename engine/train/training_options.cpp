#include "engine/train/training_options.h"

namespace gradloom::train {

namespace {

std::vector<ParamSpec> gradientSpecs()
{
    return {realParam("clip_norm", "Clip norm", 0, 0, 1e9,
                "Shortens the gradient of all weights together to this length where it is longer; 0: off. "
                "Keeps recurrent networks from exploding."),
        realParam("clip_value", "Clip value", 0, 0, 1e9,
            "Holds every number of the gradient between minus and plus this; 0: off. Comes before the norm."),
        integerParam("accumulate", "Accumulate", 1, 1, 1 << 16,
            "Batches whose gradients are averaged to one update: like a batch so many times as large, in "
            "less memory. BatchNorm still sees the single batches; what is left at an epoch's end is "
            "applied."),
        realParam("ema_decay", "Weight average", 0, 0, 0.999999,
            "Share of the moving average of the weights that is kept at each update, for example 0.999; 0: "
            "off. Validation and the saved weights use the average, training goes on with the weights "
            "themselves.")};
}

std::vector<ParamSpec> runSpecs()
{
    return {integerParam("patience", "Early stopping", 0, 0, 1'000'000,
                "Ends the run after so many epochs without a better one; 0: off.")
                .withUnit("epochs"),
        choiceParam("monitor", "Monitor", "auto",
            {{"auto", "Accuracy, else loss"}, {"loss", "Validation loss"},
                {"accuracy", "Validation accuracy"}},
            "What tells which epoch is the best."),
        switchParam("restore_best", "Restore best", false,
            "The run ends with the weights of its best epoch instead of those of its last."),
        choiceParam("checkpoints", "Checkpoints", "last_best",
            {{"last_best", "Last and best"}, {"every_epoch", "Every epoch"}},
            "Which weights stay in the run's folder."),
        choiceParam("class_weights", "Class weights", "none", {{"none", "None"}, {"balanced", "Balanced"}},
            "Balanced: a sample weighs N/(C·n) in the training loss, n being the samples of its class, so "
            "that "
            "all classes count the same."),
        textParam("weights_from", "Start from", "",
            "A .safetensors file to start with: weights of the same name and shape are taken, the others "
            "start anew. A relative path counts from the project's folder.")};
}

std::vector<ParamSpec> deviceSpecs()
{
    return {choiceParam("precision", "Precision", "tf32",
                {{"tf32", "TF32"}, {"float32", "float32"}, {"bf16", "bfloat16 mixed"}},
                "Of products and convolutions on a GPU: TF32 rounds their operands to 10 bits where the hardware has "
                "it, bfloat16 to 7; sums and weights are float32. The CPU always computes in float32."),
        switchParam("deterministic", "Deterministic", false,
            "A GPU uses only algorithms that give the same bits every time, which may be slower. The CPU always "
            "does.")};
}

backend::Precision precisionOf(const std::string& word)
{
    using backend::Precision;
    return word == "float32" ? Precision::Float32 : word == "bf16" ? Precision::Bf16 : Precision::Tf32;
}

} // namespace

const std::vector<ParamSpec>& trainingOptionSpecs()
{
    static const std::vector<ParamSpec> specs = [] {
        std::vector<ParamSpec> all = gradientSpecs();
        for (auto specs : {runSpecs(), deviceSpecs()})
            all.insert(all.end(), specs.begin(), specs.end());
        return all;
    }();
    return specs;
}

Result<TrainingOptions> readTrainingOptions(const Params& given)
{
    auto params = completeParams(trainingOptionSpecs(), given, "training options");
    if (!params)
        return params.error();
    TrainingOptions options;
    options.clipValue = params->real("clip_value");
    options.clipNorm = params->real("clip_norm");
    options.accumulate = params->integer("accumulate");
    options.emaDecay = params->real("ema_decay");
    options.patience = params->integer("patience");
    options.monitor = params->text("monitor");
    options.restoreBest = params->flag("restore_best");
    options.keepEveryEpoch = params->text("checkpoints") == "every_epoch";
    options.balanceClasses = params->text("class_weights") == "balanced";
    options.weightsFrom = params->text("weights_from");
    options.precision = precisionOf(params->text("precision"));
    options.deterministic = params->flag("deterministic");
    return options;
}

} // namespace gradloom::train
