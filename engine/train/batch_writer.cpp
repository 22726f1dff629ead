#include "engine/train/batch_writer.h"

#include <algorithm>

namespace gradloom::train {

namespace {

std::string typeWords(const TensorType& type)
{
    return type.shape.toString() + (type.dtype == DType::I32 ? " integers" : " numbers");
}

} // namespace

BatchWriter::BatchWriter(const layers::TargetTypes& labels)
{
    for (const layers::TargetType& target : labels)
        m_targets.push_back(layers::targetInputName(labels, target.name));
    if (m_targets.empty())
        m_targets.push_back(layers::targetInputName(labels, {}));
}

void BatchWriter::write(LoadedProgram& program, const data::Batch& batch) const
{
    program.write("input", batch.samples);
    if (!batch.changes.empty()) {
        program.write("changes", batch.changes);
        program.write("noise", batch.noise);
    }
    for (size_t i = 0; i < std::min(m_targets.size(), batch.targets.size()); ++i)
        program.write(m_targets[i], batch.targets[i]);
    program.write("weights", batch.weights);
    program.write("filled", batch.filled);
}

Status BatchWriter::check(const LoadedProgram& program, const data::Dataset& dataset) const
{
    const TensorType sample{
        dataset.sampleShape(), dataset.samples.dtype() == DType::I32 ? DType::I32 : DType::F32};
    if (const TensorType* input = program.inputType("input")) {
        const TensorType wanted{input->shape.withoutFirst(), input->dtype};
        if (wanted != sample)
            return invalidArgument("The network takes samples of " + typeWords(wanted) + " but these are " +
                                   typeWords(sample) + ".");
    }
    for (const ir::Value& value : program.program().values) {
        const bool target = value.input && (value.name == "labels" || value.name.starts_with("labels:"));
        if (!target || !program.inputType(value.name))
            continue;
        const TensorType wanted{value.type.shape.withoutFirst(), value.type.dtype};
        const auto place = std::find(m_targets.begin(), m_targets.end(), value.name) - m_targets.begin();
        const auto index = static_cast<size_t>(place);
        if (index >= std::min(m_targets.size(), dataset.targets.size()))
            return invalidArgument(
                "The network learns a target that the data set does not have (\"" + value.name + "\").");
        const Tensor& values = dataset.targets[index];
        if (const TensorType type{values.shape().withoutFirst(), values.dtype()}; type != wanted)
            return invalidArgument("The network learns " + typeWords(wanted) + " (\"" + value.name +
                                   "\") but the data set gives " + typeWords(type) + ".");
    }
    return {};
}

} // namespace gradloom::train
