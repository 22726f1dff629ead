#pragma once

#include "engine/base/philox.h"
#include "engine/ir/op_type.h"
#include "engine/train/model.h"
#include "engine/train/step_program.h"

#include <map>

/// Whole training steps on a device.
namespace gradloom::tests {

inline Tensor randomTensor(const TensorType& type, Random& random)
{
    Tensor t(type.shape, type.dtype);
    if (type.dtype == DType::I32)
        for (int32_t& x : t.as<int32_t>())
            x = static_cast<int32_t>(random.below(2));
    else
        for (float& x : t.floats())
            x = random.uniform();
    return t;
}

/// Losses of some steps on a device, each with new samples. `kernels` gets what computes, by operation.
inline std::vector<float> stepLosses(const graph::Graph& graph, std::shared_ptr<backend::Backend> device,
    std::map<std::string, std::string>* kernels = nullptr)
{
    constexpr int64_t batch = 3;
    const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};
    const auto model = train::Model::create(graph, labels, device, 7).value();
    const auto* optimizer = train::optimizerTypes().find("adam");
    train::ProgramOptions options;
    options.batch = batch;
    options.labels = labels;
    options.training = true;
    const Params params = completeParams(optimizer->parameters, {}, "adam").value();
    auto program = train::trainingProgram(graph, options, {{optimizer, params}}).value();
    backend::ModelMemory memory = model->memory();
    memory.slots = backend::allocateModel(*device, program).value().slots;
    const auto step = train::LoadedProgram::load(*device, memory, std::move(program)).value();
    for (size_t i = 0; kernels && i < step->plan().program.ops.size(); ++i)
        (*kernels)[step->plan().program.ops[i].type->id] = step->executable().kernels()[i];
    Tensor ones(Shape{batch});
    std::fill(ones.floats().begin(), ones.floats().end(), 1.0F);
    step->write("weights", ones);
    step->write("filled", ones);
    step->write("learning_rate", 1e-3F);
    Random random(3);
    std::vector<float> result;
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t words[4] = {1, 0, i, 0};
        for (const char* name : {"input", "labels"}) // autoencoders and GANs read no labels
            if (const TensorType* type = step->inputType(name))
                step->write(name, randomTensor(*type, random));
        step->write("random", std::as_bytes(std::span(words)));
        step->write("step", static_cast<float>(i + 1));
        step->run();
        result.push_back(step->readNumber("loss"));
    }
    return result;
}

} // namespace gradloom::tests
