#include "engine/train/picture_maker.h"

#include "engine/data/restore.h"
#include "engine/graph/analysis.h"
#include "engine/graph/ports.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <array>

namespace gradloom::train {

namespace {

constexpr int64_t shownPictures = 24;

constexpr const char* generatedOutput = "generated";

/// The shape of the pictures that a network takes; nothing where it takes something else.
std::optional<Shape> pictureShape(const graph::Graph& graph, const layers::TargetTypes& labels)
{
    const auto analysis = graph::analyse(graph, labels);
    for (const graph::Node& node : graph.nodes) {
        const auto info = analysis.nodes.find(node.id);
        if (node.type != graph::inputType || info == analysis.nodes.end() || info->second.outputs.empty())
            continue;
        const TensorType& sample = info->second.outputs[0];
        const Shape& shape = sample.shape;
        if (sample.dtype == DType::F32 && shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3))
            return shape;
    }
    return std::nullopt;
}

ProgramOptions programOptions(const layers::TargetTypes& labels, int64_t batch)
{
    ProgramOptions options;
    options.batch = batch;
    options.labels = labels;
    return options;
}

void writeNoise(LoadedProgram& program, uint64_t seed, uint64_t number)
{
    const std::array<int32_t, 4> random{static_cast<int32_t>(seed), static_cast<int32_t>(seed >> 32),
        static_cast<int32_t>(number), static_cast<int32_t>(number >> 32)};
    program.write("random", std::as_bytes(std::span(random)));
}

/// The first test pictures as they are stored and as the network sees them.
struct TestPictures
{
    Tensor stored;
    Tensor seen;

    explicit TestPictures(const RunData& data)
    {
        const data::Dataset& test = *data.loaded.test;
        const Shape shape = test.sampleShape().prepended(shownPictures);
        stored = Tensor(shape, DType::U8);
        seen = Tensor(shape);
        const auto elements = static_cast<size_t>(test.sampleElements());
        for (int64_t i = 0; i < shownPictures; ++i) {
            const auto begin = static_cast<size_t>(i) * elements;
            data::applyPreprocess(
                data.preprocess, test, i % test.count(), seen.floats().subspan(begin, elements));
        }
        stored = data::restorePictures(data.preprocess, data.loaded.valueMaximum, seen);
    }
};

} // namespace

Result<std::optional<PictureMaker::PictureProgram>> PictureMaker::makeProgram(
    const graph::Graph& graph, const layers::TargetTypes& labels)
{
    using Made = std::optional<PictureProgram>;
    const auto sample = pictureShape(graph, labels);
    if (!sample)
        return Made();
    const auto makes = [&](const ir::Program& program, const std::string& output) {
        const auto found = program.outputs.find(output);
        return found != program.outputs.end() &&
               program.typeOf(found->second).shape.withoutFirst() == *sample;
    };
    const ProgramOptions options = programOptions(labels, shownPictures);
    if (auto made = generatingProgram(graph, options); made && makes(*made, generatedOutput))
        return Made({std::move(*made), generatedOutput});
    auto forward = forwardProgram(graph, options);
    if (!forward)
        return forward.error();
    const std::string output = "probabilities";
    return makes(*forward, output) ? Made({std::move(*forward), output}) : Made();
}

Result<std::optional<PictureMaker>> PictureMaker::create(Model& model, const RunData& data)
{
    auto made = makeProgram(model.graph(), model.labels());
    if (!made)
        return made.error();
    if (!*made)
        return std::optional<PictureMaker>();
    const std::string output = (*made)->output;
    auto loaded = model.program("pictures", [&] { return Result(std::move((*made)->program)); });
    if (!loaded)
        return loaded.error();
    constexpr uint64_t noiseSeed = 1;
    LoadedProgram& program = **loaded;
    writeNoise(program, noiseSeed, 0);
    PictureMaker maker(program, output, data);
    if (output != generatedOutput) {
        TestPictures pictures(data);
        program.write("input", pictures.seen);
        maker.m_originals = std::move(pictures.stored);
    }
    return std::optional(std::move(maker));
}

void PictureMaker::make(Snapshot& snapshot)
{
    m_program->run();
    snapshot.made = data::restorePictures(m_preprocess, m_valueMaximum, m_program->read(m_output));
    snapshot.originals = m_originals;
}

Result<Tensor> generate(Model& model, int64_t count, uint64_t seed)
{
    constexpr int64_t batch = 64;
    auto made = model.program("generate:" + std::to_string(batch),
        [&] { return generatingProgram(model.graph(), programOptions(model.labels(), batch)); });
    if (!made)
        return made.error();
    LoadedProgram& program = **made;
    const Shape sample = program.outputType(generatedOutput).shape.withoutFirst();
    Tensor result(sample.prepended(count));
    const auto elements = static_cast<size_t>(sample.elements());
    for (int64_t first = 0; first < count; first += batch) {
        writeNoise(program, seed, static_cast<uint64_t>(first));
        program.run();
        const Tensor some = program.read(generatedOutput);
        const auto here = static_cast<size_t>(std::min(batch, count - first)) * elements;
        std::copy_n(some.floats().begin(), here,
            result.floats().begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(first) * elements));
    }
    return result;
}

} // namespace gradloom::train
