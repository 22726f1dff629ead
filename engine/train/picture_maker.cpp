#include "engine/train/picture_maker.h"

#include "engine/data/restore.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <array>

namespace gradloom::train {

namespace {

constexpr int64_t shownPictures = 24;

bool isPicture(const Shape& sample)
{
    return sample.rank() == 3 && (sample[2] == 1 || sample[2] == 3);
}

ProgramOptions programOptions(const Model& model, int64_t batch)
{
    ProgramOptions options;
    options.batch = batch;
    options.labels = model.labels();
    return options;
}

Result<LoadedProgram*> generator(Model& model, int64_t batch)
{
    return model.program("generate:" + std::to_string(batch),
        [&] { return generatingProgram(model.graph(), programOptions(model, batch)); });
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

Result<std::optional<PictureMaker>> PictureMaker::create(Model& model, const RunData& data)
{
    const Shape sample = data.loaded.sampleShape();
    if (!isPicture(sample) || data.loaded.test->sampleType().dtype == DType::I32)
        return std::optional<PictureMaker>();
    constexpr uint64_t noiseSeed = 1;
    if (auto made = generator(model, shownPictures);
        made && (*made)->outputType("generated").shape.withoutFirst() == sample) {
        writeNoise(**made, noiseSeed, 0);
        return std::optional(PictureMaker(**made, "generated", data));
    }
    auto forward = model.program("pictures",
        [&] { return forwardProgram(model.graph(), programOptions(model, shownPictures)); });
    if (!forward)
        return forward.error();
    LoadedProgram& program = **forward;
    if (!program.hasOutput("probabilities") ||
        !(program.outputType("probabilities").shape.withoutFirst() == sample))
        return std::optional<PictureMaker>();
    TestPictures pictures(data);
    program.write("input", pictures.seen);
    writeNoise(program, noiseSeed, 0);
    PictureMaker maker(program, "probabilities", data);
    maker.m_originals = std::move(pictures.stored);
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
    auto made = generator(model, batch);
    if (!made)
        return made.error();
    LoadedProgram& program = **made;
    const Shape sample = program.outputType("generated").shape.withoutFirst();
    Tensor result(sample.prepended(count));
    const auto elements = static_cast<size_t>(sample.elements());
    for (int64_t first = 0; first < count; first += batch) {
        writeNoise(program, seed, static_cast<uint64_t>(first));
        program.run();
        const Tensor some = program.read("generated");
        const auto here = static_cast<size_t>(std::min(batch, count - first)) * elements;
        std::copy_n(some.floats().begin(), here,
            result.floats().begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(first) * elements));
    }
    return result;
}

} // namespace gradloom::train
