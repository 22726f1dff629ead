// Trains every sample project once with its default seed and holds the result against what is stated of it.

#include "tests/bench/bench_trainer.h"

#include "engine/graph/analysis.h"
#include "engine/train/evaluate.h"
#include "engine/train/picture_maker.h"
#include "engine/train/run_data.h"
#include "engine/train/train_session.h"
#include "source_dir.h"

#include <CLI/CLI.hpp>
#include <Eigen/Eigenvalues>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

using namespace gradloom;
using bench::take;

namespace {

struct Options
{
    std::vector<std::string> projects;
    std::string device = "cpu";
    int threads = 0;
    std::string out;
    std::string folder = GRADLOOM_SOURCE_DIR "/projects";
};

/// What a sample must reach on the test part.
struct Goal
{
    std::string project;
    std::string metric; ///< a metric's id, "loss", or one of the special ones below
    bool above = true;
    double value = 0;
};

constexpr const char* lessThanPca = "error / PCA"; ///< squared error over that of a PCA of the same size
constexpr const char* rarestClass = "rarest class"; ///< share among 1,000 made samples, judged by fashion_cnn

const std::vector<Goal>& goals()
{
    static const std::vector<Goal> all{{"fashion_cnn", "accuracy", true, 0.90},
        {"fashion_mlp", "accuracy", true, 0.87}, {"fashion_resnet", "accuracy", true, 0.92},
        {"shapes_cnn", "accuracy", true, 0.95}, {"waves_lstm", "accuracy", true, 0.97},
        {"words_gru", "accuracy", true, 0.85}, {"text_lstm", "accuracy", true, 0.95},
        {"text_attention", "accuracy", true, 0.95}, {"spirals_mlp", "accuracy", true, 0.99},
        {"weather_forecast", "rmse", false, 2.9}, {"cars_regression", "rmse", false, 2.7},
        {"multitask", "accuracy", true, 0.95}, {"fashion_autoencoder", lessThanPca, false, 1},
        {"fashion_vae", lessThanPca, false, 1}, {"fashion_denoise", "loss", false, 0.011},
        {"fashion_dcgan", rarestClass, true, 0.03}, {"fashion_wgan_gp", rarestClass, true, 0.03}};
    return all;
}


/// A project with its data and the weights of its best epoch.
struct Trained
{
    project::Project project;
    std::shared_ptr<const train::RunData> data;
    std::unique_ptr<train::Model> model;
    double seconds = 0;
};

Trained trainSample(const std::string& name, const Options& options)
{
    Trained result;
    result.project = take(project::loadProject(options.folder + "/" + name + ".gradloom.json"));
    result.data =
        std::make_shared<const train::RunData>(take(train::loadRunData(result.project, {{}, options.folder})));
    train::SessionOptions session;
    session.device = options.device;
    session.threads = options.threads;
    session.data = result.data;
    session.publish = false;
    if (!options.out.empty())
        session.outDir = std::filesystem::path(options.out) / name;
    const auto begin = std::chrono::steady_clock::now();
    train::TrainSession training(result.project, session);
    const train::SessionResult end = training.wait();
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (end.error)
        throw std::runtime_error(end.error->message);
    std::shared_ptr<backend::Backend> device = take(backend::open("cpu", {options.threads}));
    result.model = take(train::Model::create(
        result.project.graph, result.data->labels(), std::move(device), result.project.training.seed));
    if (Status status = result.model->setWeights(*training.latestWeights()); !status)
        throw std::runtime_error(status.error().message);
    return result;
}

Eigen::MatrixXf samplesOf(const data::DataPart& part, const data::Preprocess& preprocess, int64_t most)
{
    const int64_t count = std::min(part.count(), most);
    const int64_t features = part.dataset->sampleElements();
    Eigen::MatrixXf rows(features, count);
    for (int64_t i = 0; i < count; ++i)
        data::applyPreprocess(preprocess, *part.dataset, part.indices[static_cast<size_t>(i)],
            {rows.col(i).data(), static_cast<size_t>(features)});
    return rows;
}

/// Mean squared error on the test part of the best linear code with `size` numbers (Pearson 1901).
double pcaError(const train::RunData& data, int64_t size)
{
    const Eigen::MatrixXf training = samplesOf(data.split.training, data.preprocess, 60000);
    const Eigen::VectorXf mean = training.rowwise().mean();
    const Eigen::MatrixXf centred = training.colwise() - mean;
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver(centred * centred.transpose());
    const Eigen::MatrixXf axes = solver.eigenvectors().rightCols(size);
    Eigen::MatrixXf test = samplesOf(data.split.test, data.preprocess, data.split.test.count());
    test.colwise() -= mean;
    return (test - axes * (axes.transpose() * test)).squaredNorm() / static_cast<double>(test.size());
}

/// Mean squared error of what the network makes of the test part.
double reconstructionError(Trained& sample)
{
    const data::DataPart& part = sample.data->split.test;
    const Eigen::MatrixXf seen = samplesOf(part, sample.data->preprocess, part.count());
    Tensor input(part.dataset->sampleShape().prepended(seen.cols()));
    std::copy(seen.data(), seen.data() + seen.size(), input.floats().begin());
    const Tensor made = take(train::predict(*sample.model, input));
    double sum = 0;
    for (size_t i = 0; i < made.floats().size(); ++i)
        sum += std::pow(static_cast<double>(made.floats()[i]) - input.floats()[i], 2);
    return sum / static_cast<double>(seen.size());
}

/// Size of the code: the narrowest layer's result.
int64_t codeSize(const project::Project& project)
{
    int64_t size = std::numeric_limits<int64_t>::max();
    for (const auto& [id, node] : graph::analyse(project.graph).nodes)
        if (!node.outputs.empty() && node.outputs[0].dtype == DType::F32)
            size = std::min(size, node.outputs[0].shape.elements());
    return size;
}

/// Share of the rarest class among 1,000 made samples, in the eyes of a classifier trained on real ones.
double shareOfRarestClass(Trained& gan, const Options& options)
{
    static std::optional<Trained> judge;
    if (!judge)
        judge = trainSample("fashion_cnn", options);
    Tensor made = take(train::generate(*gan.model, 1000, gan.project.training.seed));
    for (float& x : made.floats()) // from the generator's range to that of the judge
        x = x * (gan.data->preprocess.deviation.empty() ? 1.0F : gan.data->preprocess.deviation[0]) +
            (gan.data->preprocess.mean.empty() ? 0.0F : gan.data->preprocess.mean[0]);
    const Tensor said = take(train::predict(*judge->model, made));
    const auto classes = static_cast<size_t>(said.shape()[1]);
    std::vector<int> counts(classes, 0);
    for (size_t i = 0; i < 1000; ++i) {
        const auto row = said.floats().subspan(i * classes, classes);
        ++counts[static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin())];
    }
    return *std::min_element(counts.begin(), counts.end()) / 1000.0;
}

double measure(Trained& sample, const Goal& goal, const Options& options, std::string& remark)
{
    char text[160] = {};
    if (goal.metric == rarestClass)
        return shareOfRarestClass(sample, options);
    train::EvaluateOptions how;
    how.deviations = sample.data->deviations();
    const auto evaluation = take(train::evaluate(*sample.model, sample.data->split.test, sample.data->preprocess,
        sample.data->classes(), how));
    std::snprintf(text, sizeof text, "test loss %.5g", evaluation.loss);
    remark = text;
    if (goal.metric == "loss")
        return evaluation.loss;
    if (goal.metric == lessThanPca) {
        const int64_t size = codeSize(sample.project);
        const double own = reconstructionError(sample), pca = pcaError(*sample.data, size);
        std::snprintf(text, sizeof text, "test loss %.5g; squared error %.5f, PCA with %lld numbers %.5f",
            evaluation.loss, own, static_cast<long long>(size), pca);
        remark = text;
        return own / pca;
    }
    const auto found = evaluation.metrics.find(goal.metric);
    return found == evaluation.metrics.end() ? std::nan("") : found->second;
}

int run(const Options& options)
{
    std::printf("| project | measured on the test part | value | goal | reached | epochs | seconds | |\n"
                "|---|---|---|---|---|---|---|---|\n");
    int missed = 0;
    for (const Goal& goal : goals()) {
        if (!options.projects.empty() &&
            std::find(options.projects.begin(), options.projects.end(), goal.project) == options.projects.end())
            continue;
        Trained sample = trainSample(goal.project, options);
        std::string remark;
        const double value = measure(sample, goal, options, remark);
        const bool reached = goal.above ? value >= goal.value : value < goal.value;
        missed += !reached;
        std::printf("| %s | %s | %.4f | %s %g | %s | %lld | %.0f | %s |\n", goal.project.c_str(), goal.metric.c_str(),
            value, goal.above ? "≥" : "<", goal.value, reached ? "yes" : "NO",
            static_cast<long long>(sample.project.training.epochs), sample.seconds, remark.c_str());
        std::fflush(stdout);
    }
    return missed == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    Options options;
    CLI::App app("Trains the sample projects and holds their results against what is stated of them.");
    app.add_option("PROJECT", options.projects, "Names without ending; all if not given");
    app.add_option("--device", options.device, "Where they are trained: cpu, cuda, cuda:1");
    app.add_option("--threads", options.threads, "Threads; 0: all cores");
    app.add_option("--projects", options.folder, "Folder of the sample projects");
    app.add_option("--out", options.out, "Folder for the weights and histories");
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sample_bench: %s\n", error.what());
        return 1;
    }
}
