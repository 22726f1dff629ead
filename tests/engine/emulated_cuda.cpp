#include "tests/engine/emulated_cuda.h"

#include "engine/backend/cuda/functors/functor_list.h"
#include "engine/backend/cuda/library.h"
#include "tests/engine/fiber_team.h"

#include <cstring>

namespace gradloom::tests {

SendToStream sendToStream = nullptr;

} // namespace gradloom::tests

namespace gradloom::cuda {

namespace {

void send(const Context& context, std::function<void()> work)
{
    if (context.stream)
        tests::sendToStream(context.stream, std::move(work));
    else
        work();
}

} // namespace

template <class F>
void forEach(const Context& context, int64_t count, const F& functor)
{
    send(context, [=] {
        for (int64_t i = 0; i < count; ++i)
            functor(i);
    });
}

template <class F>
void forTeams(const Context& context, int64_t count, const F& functor, const TeamSize& size)
{
    send(context, [=] {
        tests::FiberTeams teams(size.threads, size.sharedFloats);
        for (int64_t i = 0; i < count; ++i)
            teams.run([&](tests::FiberTeam& team) { functor(team, i); });
    });
}

#define GRADLOOM_INSTANTIATE(F) template void forEach<F>(const Context&, int64_t, const F&);
GRADLOOM_ELEMENT_FUNCTORS(GRADLOOM_INSTANTIATE)
#undef GRADLOOM_INSTANTIATE
#define GRADLOOM_INSTANTIATE(F) template void forTeams<F>(const Context&, int64_t, const F&, const TeamSize&);
GRADLOOM_TEAM_FUNCTORS(GRADLOOM_INSTANTIATE)
#undef GRADLOOM_INSTANTIATE

namespace {

float numberAt(Number format, const void* from, int64_t i)
{
    return format == Number::F32 ? static_cast<const float*>(from)[i]
                                 : fromBf16(static_cast<const Bf16*>(from)[i]);
}

void multiplyOne(const MatrixProduct& p)
{
    for (int64_t i = 0; i < p.m; ++i)
        for (int64_t j = 0; j < p.n; ++j) {
            double sum = p.bias ? p.bias[j] : 0.0;
            for (int64_t k = 0; k < p.k; ++k)
                sum +=
                    static_cast<double>(numberAt(p.number, p.a, p.transA ? k * p.lda + i : i * p.lda + k)) *
                    numberAt(p.number, p.b, p.transB ? j * p.ldb + k : k * p.ldb + j);
            const auto result = static_cast<float>(sum);
            p.c[i * p.ldc + j] = p.relu ? rectified(result) : result;
        }
}

void multiplyPlainly(const MatrixProduct& product)
{
    const auto bytes = static_cast<int64_t>(product.number == Number::F32 ? sizeof(float) : sizeof(Bf16));
    for (int64_t i = 0; i < product.batch; ++i) {
        MatrixProduct one = product;
        one.a = static_cast<const std::byte*>(product.a) + i * product.strideA * bytes;
        one.b = static_cast<const std::byte*>(product.b) + i * product.strideB * bytes;
        one.c = product.c + i * product.strideC;
        multiplyOne(one);
    }
}

/// A convolution with weights K×kh×kw×C/groups by its definition: calls term(x, weight, y) with the places of
/// all products.
template <class Term>
void forProducts(const WindowShape& s, const Term& term)
{
    const int64_t depth = s.c / s.groups;
    for (int64_t at = 0; at < s.n * s.oh * s.ow * s.k; ++at) {
        const Pixel p(at, s.oh, s.ow, s.k);
        for (int64_t r = 0; r < s.kh; ++r)
            for (int64_t q = 0; q < s.kw; ++q)
                for (int64_t d = 0; d < depth; ++d) {
                    const int64_t row = p.y * s.strideH - s.padTop + r * s.dilationH;
                    const int64_t column = p.x * s.strideW - s.padLeft + q * s.dilationW;
                    if (row < 0 || row >= s.h || column < 0 || column >= s.w)
                        continue;
                    const int64_t channel = p.c / (s.k / s.groups) * depth + d;
                    term(((p.n * s.h + row) * s.w + column) * s.c + channel,
                        ((p.c * s.kh + r) * s.kw + q) * depth + d, at);
                }
    }
}

void storeAll(Number format, const std::vector<double>& sums, void* to)
{
    for (size_t i = 0; i < sums.size(); ++i) {
        if (format == Number::F32)
            static_cast<float*>(to)[i] = static_cast<float>(sums[i]);
        else
            static_cast<Bf16*>(to)[i] = toBf16(static_cast<float>(sums[i]));
    }
}

void convolvePlainly(const LibraryConvolution& c)
{
    const WindowShape& s = c.shape;
    const auto at = [&](const void* from, int64_t i) {
        return static_cast<double>(numberAt(c.number, from, i));
    };
    const auto zeros = [](int64_t count) { return std::vector<double>(static_cast<size_t>(count)); };
    if (c.pass == ConvolutionPass::Forward) {
        auto sums = zeros(s.n * s.oh * s.ow * s.k);
        forProducts(s, [&](int64_t x, int64_t w, int64_t y) {
            sums[static_cast<size_t>(y)] += at(c.x, x) * at(c.weights, w);
        });
        storeAll(c.number, sums, c.y);
    } else if (c.pass == ConvolutionPass::Data) {
        auto sums = zeros(s.n * s.h * s.w * s.c);
        forProducts(s, [&](int64_t x, int64_t w, int64_t y) {
            sums[static_cast<size_t>(x)] += at(c.y, y) * at(c.weights, w);
        });
        storeAll(c.number, sums, c.x);
    } else {
        auto sums = zeros(s.k * s.kh * s.kw * (s.c / s.groups));
        forProducts(s, [&](int64_t x, int64_t w, int64_t y) {
            sums[static_cast<size_t>(w)] += at(c.y, y) * at(c.x, x);
        });
        storeAll(c.number, sums, c.weights);
    }
}

} // namespace

Launch matrixProduct(Preparation&, const MatrixProduct& product)
{
    if (product.batch > 65535)
        throw std::logic_error("the library takes no more products at once");
    return [product](const Context& context) { send(context, [product] { multiplyPlainly(product); }); };
}

std::optional<Launch> libraryConvolution(Preparation& p, const LibraryConvolution& convolution)
{
    if (convolution.shape.padTop != convolution.shape.padBottom ||
        convolution.shape.padLeft != convolution.shape.padRight)
        throw std::logic_error("the library takes symmetric padding only");
    for (const void* address : {convolution.x, convolution.weights, convolution.y})
        if (!isAligned(address))
            throw std::logic_error("the library takes whole vectors only");
    // As cuDNN, which has no algorithm for some sizes: these here take the direct way.
    if (convolution.shape.kh == 5)
        return std::nullopt;
    // Takes a workspace where there is room for it, and writes to all of it.
    constexpr int64_t workspace = 4096;
    const int64_t bytes = p.workspaceLeft() >= workspace ? workspace : 0;
    std::byte* work = p.workspace(bytes);
    return [=](const Context& context) {
        send(context, [=] {
            std::fill_n(work, bytes, std::byte{0xff});
            convolvePlainly(convolution);
        });
    };
}

void zeroBytes(const Context& context, void* target, int64_t bytes)
{
    send(context, [=] { std::memset(target, 0, static_cast<size_t>(bytes)); });
}

void copyBytes(const Context& context, void* target, const void* source, int64_t bytes)
{
    send(context, [=] { std::memcpy(target, source, static_cast<size_t>(bytes)); });
}

} // namespace gradloom::cuda

namespace gradloom::tests {

namespace {

using ir::Segment;
using ir::ValueId;

class HostMemory : public backend::Memory
{
public:
    explicit HostMemory(int64_t bytes) : buffer(bytes) {}
    int64_t bytes() const override { return buffer.bytes(); }
    void upload(std::span<const std::byte> source, int64_t offset) override
    {
        std::copy(source.begin(), source.end(), buffer.data() + offset);
    }
    void download(std::span<std::byte> destination, int64_t offset) const override
    {
        std::copy_n(buffer.data() + offset, destination.size(), destination.data());
    }
    Buffer buffer;
};

/// Like CudaExecutable, without a device.
class EmulatedExecutable : public backend::Executable
{
public:
    EmulatedExecutable(std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model,
        const cuda::Settings& settings, int64_t scratchLimit)
        : m_plan(std::move(plan)), m_model(model), m_arena(std::make_shared<HostMemory>(m_plan->arenaBytes)),
          m_sums(backend::sumsOf(*m_plan, m_arena))
    {
        m_steps = cuda::prepareSteps(*m_plan, settings, [this](ValueId id) { return address(id); },
            {scratchLimit, [this](int64_t bytes) {
                 m_scratch = Buffer(bytes);
                 return m_scratch.data();
             }});
    }

    void write(ValueId value, std::span<const std::byte> bytes) override
    {
        std::copy(bytes.begin(), bytes.end(), address(value));
    }
    void read(ValueId value, std::span<std::byte> bytes) const override
    {
        std::copy_n(address(value), bytes.size(), bytes.data());
    }
    void runPart(size_t part) override
    {
        const auto [first, last] = m_plan->part(part);
        for (size_t i = first; i < last; ++i)
            for (const cuda::Launch& launch : m_steps.launches[i])
                launch({});
        if (part < m_sums.size())
            return;
        for (const ir::Update& update : m_plan->copies)
            std::memcpy(address(update.target), address(update.source),
                static_cast<size_t>(m_plan->program.typeOf(update.target).bytes()));
    }
    std::span<const backend::MemoryRange> sums() const override { return m_sums; }
    void poison() override
    {
        std::map<ValueId, std::vector<std::byte>> inputs;
        for (size_t i = 0; i < m_plan->program.values.size(); ++i)
            if (const auto& value = m_plan->program.values[i]; value.input) {
                const auto* begin = address(static_cast<ValueId>(i));
                inputs[static_cast<ValueId>(i)].assign(begin, begin + value.type.bytes());
            }
        for (Buffer* buffer : {&m_arena->buffer, &m_scratch})
            std::fill_n(buffer->data(), buffer->bytes(), std::byte{0xff});
        for (const auto& [id, bytes] : inputs)
            write(id, bytes);
    }
    std::vector<double> timeOps() override { return {}; }
    std::vector<std::string> kernels() const override { return m_steps.kernels; }
    int64_t memoryBytes() const override
    {
        int64_t bytes = backend::inMemoryUnits(m_arena->bytes()) + m_scratch.bytes();
        for (const ir::Value& value : m_plan->program.values)
            if (value.input) // which a GPU has in two places
                bytes += backend::inMemoryUnits(value.type.bytes());
        return bytes;
    }

private:
    std::byte* address(ValueId id) const
    {
        const compile::Location place = m_plan->locations[static_cast<size_t>(id)];
        if (place.segment == Segment::Arena)
            return m_arena->buffer.data() + place.offset;
        const auto& memory = place.segment == Segment::Parameters ? m_model.parameters
                             : place.segment == Segment::State    ? m_model.state
                                                                  : m_model.slots;
        return static_cast<HostMemory&>(*memory).buffer.data() + place.offset;
    }

    std::shared_ptr<const compile::Plan> m_plan;
    backend::ModelMemory m_model;
    std::shared_ptr<HostMemory> m_arena;
    std::vector<backend::MemoryRange> m_sums;
    Buffer m_scratch;
    cuda::PreparedSteps m_steps;
};

class EmulatedBackend : public backend::Backend
{
public:
    EmulatedBackend(const cuda::Settings& settings, int64_t scratchLimit)
        : m_settings(settings), m_scratchLimit(scratchLimit)
    {
    }
    backend::DeviceInfo info() const override { return {"cuda:0", "emulated GPU", true, {}}; }
    int64_t planBytes(const compile::Plan& plan) const override { return cuda::planBytes(plan, m_settings); }
    Result<std::shared_ptr<backend::Memory>> allocate(int64_t bytes) override
    {
        return std::shared_ptr<backend::Memory>(std::make_shared<HostMemory>(bytes));
    }
    Result<std::unique_ptr<backend::Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model) override
    {
        return std::unique_ptr<backend::Executable>(
            std::make_unique<EmulatedExecutable>(std::move(plan), model, m_settings, m_scratchLimit));
    }

private:
    cuda::Settings m_settings;
    int64_t m_scratchLimit;
};

} // namespace

std::shared_ptr<std::byte> EmulatedTrial::allocate(int64_t bytes)
{
    const auto buffer = std::make_shared<Buffer>(bytes);
    return {buffer, buffer->data()};
}

void EmulatedTrial::run(const std::vector<cuda::Launch>& launches)
{
    for (const cuda::Launch& launch : launches)
        launch({});
}

std::vector<std::byte> EmulatedTrial::read(const std::byte* from, int64_t bytes)
{
    return {from, from + bytes};
}

float EmulatedTrial::milliseconds(const std::vector<cuda::Launch>& launches)
{
    run(launches);
    return m_times[static_cast<size_t>(m_measurements++) % m_times.size()];
}

std::unique_ptr<backend::Backend> openEmulatedCuda(const backend::DeviceOptions& options, bool keepScores,
    cuda::Alternatives* alternatives, int64_t scratchLimit)
{
    cuda::Settings settings;
    settings.precision = options.precision;
    settings.deterministic = options.deterministic;
    settings.alternatives = alternatives;
    if (!keepScores)
        settings.attentionScoreBytes = 0;
    return std::make_unique<EmulatedBackend>(settings, scratchLimit);
}

} // namespace gradloom::tests
