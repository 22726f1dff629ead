#include "engine/project/safetensors.h"
#include "tests/golden/golden_sample.h"
#include "tests/golden/golden_test_util.h"
#include "tests/layers/layer_harness.h"

/// Every layer with every sample configuration against numbers that PyTorch computed in double precision. See
/// README.md beside this file for how they are made.
namespace gradloom::tests {
namespace {

struct Case
{
    const layers::LayerType* type;
    size_t sample;
};

std::vector<Case> allCases()
{
    std::vector<Case> cases;
    for (const auto& type : layers::layerTypes().all())
        for (size_t i = 0; i < type.samples.size(); ++i)
            cases.push_back({&type, i});
    return cases;
}

void PrintTo(const Case& c, std::ostream* out)
{
    *out << c.type->id << " sample " << c.sample;
}

class GoldenLayer : public testing::TestWithParam<Case>
{
protected:
    const layers::LayerType& type() const { return *GetParam().type; }
    std::string prefix() const { return std::to_string(GetParam().sample) + "."; }

    void SetUp() override
    {
        const auto path = goldenFolder() / "layers" / (type().id + ".safetensors");
        auto file = project::loadSafetensors(path);
        ASSERT_TRUE(file.ok()) << "Layer " << type().id
                               << " has no golden numbers; see tests/golden/README.md. "
                               << file.error().message;
        m_file = std::move(*file);
        const auto description = m_file.metadata.find("sample" + std::to_string(GetParam().sample));
        ASSERT_NE(description, m_file.metadata.end())
            << "no golden numbers for this sample; see tests/golden/README.md";
        m_description = describeSample(type(), GetParam().sample);
        ASSERT_EQ(nlohmann::json::parse(description->second), m_description)
            << "the sample was changed: run make_golden.py again";
    }

    /// Layers that compute the same in training and outside are stored once, as mode "any".
    const Tensor& golden(const std::string& mode, const std::string& name) const
    {
        static const Tensor none;
        for (const std::string& key : {prefix() + mode + "." + name, prefix() + "any." + name})
            if (const auto it = m_file.tensors.find(key); it != m_file.tensors.end())
                return it->second;
        ADD_FAILURE() << "no golden numbers " << prefix() << mode << "." << name;
        return none;
    }

    void giveInputs(LayerHarness& harness) const
    {
        const auto& values = harness.program().values;
        for (size_t i = 0; i < values.size(); ++i) {
            const ir::Value& value = values[i];
            if (!value.input && value.segment == ir::Segment::Arena)
                continue;
            const auto it = m_file.tensors.find(prefix() + value.name);
            ASSERT_NE(it, m_file.tensors.end()) << value.name;
            ASSERT_EQ(it->second.type(), value.type) << value.name;
            harness.set(static_cast<ir::ValueId>(i), it->second);
        }
    }

    void check(bool training) const
    {
        const std::string mode = training ? "training" : "inference";
        SCOPED_TRACE(mode);
        LayerHarness harness(type(), type().samples[GetParam().sample], training);
        giveInputs(harness);
        if (HasFatalFailure())
            return;
        harness.run();
        for (size_t i = 0; i < harness.results().size(); ++i) {
            const std::string name = "result" + std::to_string(i);
            expectGolden(harness.read(harness.results()[i]), golden(mode, name), name, tolerance());
        }
        checkGradients(harness, mode);
        for (const auto& [name, id] : harness.program().outputs)
            if (name.starts_with("metric:"))
                expectGolden(harness.read(id), golden(mode, "metric." + name.substr(7)), name);
        for (const ir::Update& update : harness.program().updates) {
            const std::string& name = harness.program()[update.target].name;
            expectGolden(
                harness.read(update.target), golden(mode, "after." + name), name + " after the step");
        }
    }

    /// Errors of a recurrent layer grow from step to step.
    double tolerance() const { return type().category == "recurrent" ? 1e-4 : 1e-5; }

    void checkGradients(const LayerHarness& harness, const std::string& mode) const
    {
        if (harness.results().empty() || harness.coefficients().empty())
            return;
        // The gradient of a key's bias is zero, since softmax does not see a shift: its terms are as large as those of
        // the other gradients.
        double scale = 1e-4;
        for (const auto& leaf : harness.leaves())
            scale = std::max(scale, 0.1 * largestMagnitude(golden(mode, "gradient." + leaf.name)));
        for (const auto& leaf : harness.leaves()) {
            const ir::Value& value = harness.program()[leaf.value];
            const Tensor gradient =
                leaf.gradient == ir::noValue ? Tensor(value.type.shape) : harness.read(leaf.gradient);
            expectGolden(
                gradient, golden(mode, "gradient." + leaf.name), "gradient of " + leaf.name, tolerance(), scale);
        }
    }

    nlohmann::json m_description;

private:
    project::TensorFile m_file;
};

TEST_P(GoldenLayer, ComputesWhatPyTorchComputes)
{
    check(false);
    if (!m_description["random_in_training"].get<bool>())
        check(true);
}

INSTANTIATE_TEST_SUITE_P(Registry, GoldenLayer, testing::ValuesIn(allCases()),
    [](const auto& info) { return info.param.type->id + "_" + std::to_string(info.param.sample); });

} // namespace
} // namespace gradloom::tests
