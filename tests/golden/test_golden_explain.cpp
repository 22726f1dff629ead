#include "engine/explain/method_type.h"
#include "engine/project/project.h"
#include "engine/project/safetensors.h"
#include "tests/golden/golden_random.h"
#include "tests/golden/golden_sample.h"
#include "tests/golden/golden_test_util.h"

namespace gradloom::tests {
namespace {

/// Grad-CAM by PyTorch's autograd, at the resolution of the layer.
TEST(GoldenExplain, GradcamMaps)
{
    auto golden = project::loadSafetensors(goldenFolder() / "explain" / "gradcam.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    auto project = project::loadProject(goldenFolder() / "models" / "small_cnn.gradloom.json");
    ASSERT_TRUE(project.ok()) << project.error().message;
    const std::shared_ptr<backend::Backend> device = backend::open("cpu", {2}).value();
    auto model = train::Model::create(project->graph, {}, device, 1).value();
    ASSERT_TRUE(model->setWeights(goldenWeights(model->weights())));

    explain::Question question;
    const Tensor batch = goldenBatch(Shape{14, 12, 2}, 1, 4, 0).samples;
    question.sample = Tensor(batch.shape().withoutFirst());
    std::copy(batch.floats().begin(), batch.floats().end(), question.sample.floats().begin());
    for (const auto& [key, expected] : golden->tensors) {
        if (key == "probabilities")
            continue;
        question.layer = key.substr(0, key.find('.'));
        question.classIndex = std::stoi(key.substr(key.find('.') + 1));
        const auto answer = explain::methodTypes().find("gradcam")->explain(*model, question);
        ASSERT_TRUE(answer.ok()) << key << ": " << answer.error().message;
        expectGolden(answer->map, expected, key);
        expectGolden(answer->probabilities, golden->tensors.at("probabilities"), key + ", probabilities");
    }
}

} // namespace
} // namespace gradloom::tests
