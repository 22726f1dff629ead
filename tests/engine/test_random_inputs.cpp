#include "engine/ir/op_type.h"
#include "engine/train/methods.h"
#include "engine/train/random_inputs.h"
#include "engine/train/stepper.h"
#include "tests/engine/train_test_util.h"

#include <algorithm>
#include <set>

namespace gradloom::train {
namespace {

using namespace train_test;

constexpr int64_t vocabulary = 50;
constexpr int64_t classes = 4;

project::Project smallTextProject(int64_t padding, const std::string& layer)
{
    const bool recurrent = layer != "self_attention";
    const Params params = recurrent ? Params{{"output", std::string("sequence")}} : Params();
    project::Project project = smallProject();
    project.graph = chain({node("input", "input", {{"shape", list({24})}, {"kind", std::string("tokens")}}),
        node("table", "embedding",
            {{"vocabulary", vocabulary}, {"size", int64_t{8}}, {"padding_index", padding}, {"sparse", true}}),
        node("layer", layer, params), node("pool", "global_avg_pool1d"),
        node("scores", "dense", {{"units", classes}}), node("loss", "cross_entropy")});
    return project;
}

struct TextStep
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;
    LoadedProgram& program() const { return *stepper->programs().front(); }
};

TextStep textStep(const project::Project& project)
{
    const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};
    TextStep step;
    std::shared_ptr<backend::Backend> device = backend::open("cpu", {2}).value();
    step.model = Model::create(project.graph, labels, device, 1).value();
    step.stepper =
        Stepper::create(*step.model, stepperOptions(project, chooseMethods(project.training).value(), labels))
            .value();
    return step;
}

std::set<int32_t> numbersOf(LoadedProgram& program, const std::string& name)
{
    const ir::ValueId id = program.program().find(name);
    Tensor values(program.program().typeOf(id).shape, DType::I32);
    program.executable().read(id, {values.data(), static_cast<size_t>(values.bytes())});
    const auto numbers = values.as<int32_t>();
    return {numbers.begin(), numbers.end()};
}

TEST(RandomInputs, TokensAndClassesComeFromAllThatTheNetworkKnows)
{
    for (const int64_t padding : {0, 7, -1}) {
        const TextStep step = textStep(smallTextProject(padding, "lstm"));
        writeRandomInputs(step.program(), 1);
        const std::set<int32_t> tokens = numbersOf(step.program(), "input");
        EXPECT_GE(*tokens.begin(), 0);
        EXPECT_LT(*tokens.rbegin(), vocabulary);
        EXPECT_FALSE(tokens.contains(static_cast<int32_t>(padding)));
        EXPECT_GT(tokens.size(), 40u); // of 768 random ones
        EXPECT_EQ(numbersOf(step.program(), "labels"), (std::set<int32_t>{0, 1, 2, 3}));
    }
}

TEST(RandomInputs, AStepOnThemIsAnOrdinaryOne)
{
    for (const char* layer : {"lstm", "gru", "simple_rnn", "self_attention"}) {
        const TextStep step = textStep(smallTextProject(0, layer));
        LoadedProgram& program = step.program();
        writeRandomInputs(program, 1);
        program.run();
        const float loss = program.readNumber("loss");
        EXPECT_GT(loss, 0.1F) << layer;
        EXPECT_LT(loss, 10.0F) << layer;
        const auto kernels = program.executable().kernels();
        const auto& ops = program.program().ops;
        for (size_t i = 0; i < ops.size(); ++i)
            EXPECT_TRUE(ops[i].type->alias || !kernels[i].empty()) << ops[i].type->id << " in " << layer;
        EXPECT_TRUE(std::any_of(
            ops.begin(), ops.end(), [](const ir::Op& op) { return op.type->id == "pointwise_rows"; }));
    }
}

} // namespace
} // namespace gradloom::train
