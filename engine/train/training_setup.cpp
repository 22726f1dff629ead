#include "engine/backend/communicator.h"
#include "engine/base/file.h"
#include "engine/base/thread_priority.h"
#include "engine/graph/analysis.h"
#include "engine/project/safetensors.h"
#include "engine/train/evaluate.h"
#include "engine/train/memory_need.h"
#include "engine/train/step_program.h"
#include "engine/train/training_run.h"

#include <algorithm>
#include <limits>

namespace gradloom::train {

namespace {

/// The probe picture as the network sees it.
Tensor probeSample(const RunData& data, int index)
{
    const data::Dataset& test = *data.loaded.test;
    return data::preprocessedSample(data.preprocess, test, std::clamp<int64_t>(index, 0, test.count() - 1));
}

/// Brings a file of the earlier run along into another folder.
Status copyFile(const std::filesystem::path& from, const std::filesystem::path& to)
{
    std::error_code code;
    if (!std::filesystem::exists(from, code))
        return {};
    constexpr int64_t limit = int64_t{16} << 30;
    auto bytes = readFile(from, limit);
    return bytes ? writeFileAtomically(to, *bytes) : Status(bytes.error());
}

bool sameFolder(const std::filesystem::path& a, const std::filesystem::path& b)
{
    std::error_code code;
    return std::filesystem::equivalent(a, b, code);
}

} // namespace

data::LoaderPosition loaderPosition(int64_t step, int64_t stepsPerEpoch)
{
    return {step / stepsPerEpoch, step % stepsPerEpoch};
}

Status TrainingRun::prepare()
{
    for (const auto& action :
        {&TrainingRun::choose, &TrainingRun::loadData, &TrainingRun::checkOptions, &TrainingRun::compile,
            &TrainingRun::goOnFromCheckpoint, &TrainingRun::startLoader, &TrainingRun::openFiles}) {
        if (Status status = (this->*action)(); !status)
            return status;
        if (m_channel.stopRequested) {
            m_stopped = true;
            return {};
        }
    }
    m_stepper->weightsChanged(); // a checkpoint or another run's weights may have been loaded
    m_rewind = std::make_unique<Rewind>(m_stepper->memory());
    m_rewind->capture(m_position.step);
    if (m_options.publish) {
        auto publisher = Publisher::create(*m_model, probeSample(*m_data, m_options.probeIndex), *m_data);
        if (!publisher)
            return publisher.error();
        m_publisher = std::move(*publisher);
    }
    if (validates())
        if (Status status = prepareEvaluation(*m_model, batchToValidate()); !status)
            return status;
    m_paused = m_options.startPaused;
    if (m_options.giveWay) // the loader's threads were started before: a step should not wait for them
        giveWay();
    return {};
}

bool TrainingRun::validates() const
{
    return !m_data->split.validation.empty() && Stepper::validates(m_project.graph);
}

int64_t TrainingRun::batchToValidate() const
{
    const auto devices = static_cast<int64_t>(std::max<size_t>(m_options.devices.size(), 1));
    return validationBatch(m_project.training.batch / devices, *m_device);
}

Status TrainingRun::choose()
{
    auto methods = chooseMethods(m_project.training);
    if (!methods)
        return methods.error();
    m_methods = std::move(*methods);
    m_position.baseLearningRate = m_methods.learningRate();
    if (m_project.training.batch < 1 || m_project.training.epochs < 1)
        return invalidArgument("Batch size and number of epochs must be at least 1.");
    return {};
}

Status TrainingRun::loadData()
{
    // A faulty drawing should be heard of before a data set is read for it.
    if (Status status = graph::analyse(m_project.graph).status(); !status)
        return status;
    m_data = m_options.data;
    if (!m_data) {
        data::SourceContext context;
        context.projectFolder = m_options.projectFolder;
        context.dataFolder = m_options.dataDir.value_or(std::filesystem::path());
        auto data = loadRunData(m_project, context);
        if (!data)
            return data.error();
        m_data = std::make_shared<const RunData>(std::move(*data));
    }
    if (Status status = checkFit(m_project.graph, m_data->loaded); !status)
        return status;
    const auto& training = m_project.training;
    const int64_t samples = m_data->split.training.count();
    m_stepsPerEpoch = (samples + training.batch - 1) / training.batch;
    if (training.epochs > std::numeric_limits<int32_t>::max())
        return invalidArgument("The number of epochs is out of range.");
    m_plannedSteps = m_stepsPerEpoch * training.epochs;
    m_lastStep = std::min(m_plannedSteps, m_options.maxSteps.value_or(m_plannedSteps));
    m_identity = {training.seed, training.batch, samples, m_methods.optimizer->id};
    m_channel.stepsPerEpoch = m_stepsPerEpoch;
    m_channel.totalSteps = m_lastStep;
    return {};
}

Status TrainingRun::checkOptions()
{
    if (m_methods.options.patience > 0 && m_data->split.validation.empty())
        return invalidArgument(
            "Early stopping needs validation samples to tell which epoch is the best: hold "
            "out a share of the training samples, or set patience to 0.");
    return {};
}

Status TrainingRun::openDevices(StepperOptions& options)
{
    options.parallel = !m_options.devices.empty();
    const std::vector<std::string> ids =
        options.parallel ? m_options.devices : std::vector<std::string>{m_options.device};
    auto how = m_methods.options.device(m_options.threads);
    how.giveWay = m_options.giveWay;
    auto opened = backend::openEach(ids, how);
    if (!opened)
        return opened.error();
    m_device = opened->front();
    options.otherDevices.assign(opened->begin() + 1, opened->end());
    return {};
}

Status TrainingRun::compile()
{
    StepperOptions options = stepperOptions(m_project, m_methods, m_data->labels());
    if (Status status = openDevices(options); !status)
        return status;
    options.recipe.keepGradients = m_options.publish;
    options.program.augmentedViews = m_data->viewsOn(*m_device);
    options.stepsPerEpoch = m_stepsPerEpoch;
    if (m_methods.options.balanceClasses) {
        auto weights = balancedClassWeights(m_data->split.training, m_data->classes());
        if (!weights)
            return weights.error();
        options.classWeights = std::move(*weights);
    }
    const RunWork work{options, validates(), m_options.publish, backend::haveNccl(m_options.devices)};
    if (Status status = reserveMemory(*m_device, m_project.graph, work); !status)
        return status;
    auto model = Model::create(m_project.graph, m_data->labels(), m_device, m_project.training.seed);
    if (!model)
        return model.error();
    m_model = std::move(*model);
    auto stepper = Stepper::create(*m_model, std::move(options));
    if (!stepper)
        return stepper.error();
    m_stepper = std::move(*stepper);
    if (std::string note = m_stepper->note(); !note.empty())
        m_channel.addRemark(std::move(note));
    if (m_methods.options.monitor == "accuracy" && !m_stepper->hasAccuracy())
        return invalidArgument("The best epoch shall be told by its accuracy, but the drawing's losses have none: set "
                               "monitor to loss.");
    return {};
}

Status TrainingRun::checkIdentity(const RunIdentity& earlier) const
{
    const auto differs = [&](const char* what, const std::string& then, const std::string& now) {
        return invalidArgument("The run in " + m_options.resumeDir->string() + " had " + what + " " + then +
                               " but the project has " + now + "; set it back to go on with that run.");
    };
    if (earlier.seed != m_identity.seed)
        return differs("the seed", std::to_string(earlier.seed), std::to_string(m_identity.seed));
    if (earlier.batch != m_identity.batch)
        return differs("the batch size", std::to_string(earlier.batch), std::to_string(m_identity.batch));
    if (earlier.optimizer != m_identity.optimizer)
        return differs("the optimizer", earlier.optimizer, m_identity.optimizer);
    if (earlier.trainingSamples != m_identity.trainingSamples)
        return differs("a number of training samples of", std::to_string(earlier.trainingSamples),
            std::to_string(m_identity.trainingSamples));
    return {};
}

Status TrainingRun::goOnFromCheckpoint()
{
    if (!m_options.resumeDir)
        return startFromOtherWeights();
    const std::filesystem::path path = *m_options.resumeDir / stateFile;
    std::error_code code;
    if (!std::filesystem::exists(path, code))
        return notFound("There is no run to go on with in " + m_options.resumeDir->string() + ": " +
                        stateFile + " is missing.");
    auto checkpoint = loadCheckpoint(path);
    if (!checkpoint)
        return checkpoint.error();
    if (Status status = checkIdentity(checkpoint->identity); !status)
        return status;
    Status status = m_model->setWeights(checkpoint->weights);
    if (status)
        status = m_stepper->setSlots(checkpoint->slots);
    if (!status) {
        Error error = status.error();
        error.message = path.string() + " does not fit the project: " + error.message;
        return error;
    }
    m_position = std::move(checkpoint->position);
    m_secondsBefore = m_position.seconds;
    m_checkpointStep = m_position.step;
    for (const EpochMetrics& epoch : m_position.epochs) {
        takeResult(epoch);
        m_channel.addEpoch(epoch);
    }
    return loadBest();
}

Status TrainingRun::startFromOtherWeights()
{
    if (m_methods.options.weightsFrom.empty())
        return {};
    auto report = transferWeights(*m_model, m_options.projectFolder / m_methods.options.weightsFrom);
    if (!report)
        return report.error();
    m_channel.addRemark(report->toString());
    m_position.transfer = std::move(*report);
    return {};
}

Status TrainingRun::loadBest()
{
    if (!m_methods.options.restoreBest || !m_position.hasBest)
        return {};
    auto file = project::loadSafetensors(*m_options.resumeDir / bestWeightsFile);
    if (!file)
        return file.error();
    m_best = std::make_shared<const Weights>(std::move(file->tensors));
    return {};
}

Result<std::unique_ptr<data::BatchLoader>> TrainingRun::openLoader(int64_t step, bool augmentInStep) const
{
    data::LoaderOptions options;
    options.batchSize = m_project.training.batch;
    options.seed = m_project.training.seed;
    options.start = loaderPosition(step, m_stepsPerEpoch);
    options.augment = m_data->augment;
    options.augmentInStep = augmentInStep;
    options.threads = m_data->augment && !augmentInStep ? 2 : 1; // changing pictures takes longer than copying them
    return data::BatchLoader::create(m_data->split.training, m_data->preprocess, options);
}

Status TrainingRun::startLoader()
{
    auto loader = openLoader(m_position.step, m_data->viewsOn(*m_device) > 0);
    if (!loader)
        return loader.error();
    m_loader = std::move(*loader);
    return {};
}

Status TrainingRun::openFiles()
{
    if (!m_options.outDir)
        return {};
    std::string history;
    if (m_options.resumeDir) {
        auto earlier = historyUpTo(*m_options.resumeDir / historyFile, m_position.step);
        if (!earlier)
            return earlier.error();
        history = std::move(*earlier);
    }
    auto files = RunFiles::open(*m_options.outDir, std::move(history), preparationOf(*m_data, m_project.graph).metadata());
    if (!files)
        return files.error();
    m_files = std::move(*files);
    if (m_options.resumeDir && !sameFolder(*m_options.resumeDir, *m_options.outDir)) {
        m_checkpointStep = -1; // so that the new folder gets one even if no step is left to do
        Status status = copyFile(*m_options.resumeDir / bestWeightsFile, *m_options.outDir / bestWeightsFile);
        if (!status)
            return status;
    }
    m_files->putRun(runRecord("running", nullptr));
    return {};
}

} // namespace gradloom::train
