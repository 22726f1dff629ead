#include "engine/backend/cuda/cuda_executable.h"

#include "engine/backend/cuda/graph_capture.h"

#include <algorithm>
#include <cstring>

namespace gradloom::cuda {

namespace {

using ir::Segment;
using ir::ValueId;

/// Runs before the step is captured: libraries load and choose what they need in the first ones.
constexpr int warmUpRuns = 2;
/// A capture may be spoiled by what others do with the device at that moment.
constexpr int mostCaptures = 3;
/// Results go to the host through a buffer of this size at most.
constexpr int64_t readBufferBytes = int64_t{4} << 20;

std::byte* deviceAddress(const std::shared_ptr<backend::Memory>& memory)
{
    return memory ? static_cast<CudaMemory&>(*memory).data() : nullptr;
}

std::vector<int64_t> inputBytes(const ir::Program& program)
{
    std::vector<int64_t> bytes;
    for (const ir::Value& value : program.values)
        bytes.push_back(value.input ? value.type.bytes() : 0);
    return bytes;
}

} // namespace

// All copies go to the stream that computes: it does not wait for the default one, where a copy from ordinary
// memory may still be under way when the call returns. Such a copy waits for the stream by itself, without
// looking at other GPUs that may be lost: it is sent when the stream is done.
CudaMemory::CudaMemory(std::shared_ptr<Device> device, ReservedMemory& reserved, int64_t bytes)
    : m_device(std::move(device))
{
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    m_block = reserved.block(bytes);
    check(cudaMemsetAsync(m_block.data(), 0, static_cast<size_t>(bytes), m_device->compute()),
        "clearing memory");
    m_device->wait();
}

void CudaMemory::upload(std::span<const std::byte> source, int64_t offset)
{
    m_device->waitForSent();
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    m_device->wait();
    check(cudaMemcpyAsync(m_block.data() + offset, source.data(), source.size(), cudaMemcpyHostToDevice,
              m_device->compute()),
        "copying weights to it");
    m_device->wait();
}

void CudaMemory::download(std::span<std::byte> destination, int64_t offset) const
{
    m_device->waitForSent();
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    m_device->wait();
    check(cudaMemcpyAsync(destination.data(), m_block.data() + offset, destination.size(),
              cudaMemcpyDeviceToHost, m_device->compute()),
        "copying weights from it");
    m_device->wait();
}

CudaExecutable::CudaExecutable(std::shared_ptr<Device> device, std::shared_ptr<const compile::Plan> plan,
    const backend::ModelMemory& model, const How& how)
    : m_device(std::move(device)), m_plan(std::move(plan)), m_model(model),
      m_arena(std::make_shared<CudaMemory>(m_device, how.reserved.block(m_plan->arenaBytes))),
      m_sums(backend::sumsOf(*m_plan, m_arena)), m_readBuffer(Block::Where::Pinned, readBufferBytes),
      m_inputs(*m_device, inputBytes(m_plan->program), how.reserved), m_results(*m_device, m_plan->program),
      m_graphs(m_sums.size() + 1)
{
    prepare(how);
}

CudaExecutable::~CudaExecutable()
{
    // The last step may still run in this memory; nobody may be capturing meanwhile.
    const std::lock_guard lock(m_device->turn);
    try {
        m_device->use();
        m_device->wait();
        check(cudaStreamSynchronize(m_device->copies()), "ending");
    } catch (const backend::DeviceFailure&) {
        // Whoever reads the results is told; there will be no more.
    }
}

/// What suffices was reserved with the rest of the step. Libraries that are faster with more get it where
/// that much is free beside it.
void CudaExecutable::prepare(const How& how)
{
    how.settings.libraries->algorithms().forgetIncomplete();
    const int64_t own = ownScratchBytes(*m_plan, how.settings);
    const Block reserved = how.reserved.block(own);
    const auto prepareWithin = [&](int64_t limit) {
        m_steps = prepareSteps(*m_plan, how.settings, [this](ValueId id) { return address(id); },
            {limit, [&](int64_t bytes) {
                 m_scratch = bytes > own ? Block(Block::Where::Device, bytes) : reserved;
                 return m_scratch.data();
             }});
    };
    // The same bits every time may not depend on what is free.
    const int64_t most = how.settings.deterministic ? own : std::max(own, how.freeBytes());
    try {
        prepareWithin(most);
    } catch (const OutOfDeviceMemory&) {
        prepareWithin(own); // somebody else has taken it meanwhile
    }
}

std::byte* CudaExecutable::address(ValueId id) const
{
    const compile::Location place = m_plan->locations[static_cast<size_t>(id)];
    std::byte* base = nullptr;
    switch (place.segment) {
    case Segment::Arena:
        base = m_arena->data();
        break;
    case Segment::Parameters:
        base = deviceAddress(m_model.parameters);
        break;
    case Segment::State:
        base = deviceAddress(m_model.state);
        break;
    case Segment::Slots:
        base = deviceAddress(m_model.slots);
        break;
    }
    return base + place.offset;
}

void CudaExecutable::checkSize(ValueId value, size_t bytes) const
{
    if (static_cast<int64_t>(bytes) != m_plan->program.typeOf(value).bytes())
        throw std::logic_error(
            "a tensor of another size was given for \"" + m_plan->program[value].name + "\"");
}

void CudaExecutable::write(ValueId value, std::span<const std::byte> bytes)
{
    checkSize(value, bytes.size());
    m_device->use();
    m_inputs.fill(static_cast<size_t>(value), bytes);
    const std::lock_guard lock(m_device->turn);
    m_inputs.send(static_cast<size_t>(value));
}

void CudaExecutable::takeInputs()
{
    m_inputs.take([this](size_t value) { return address(static_cast<ValueId>(value)); });
}

void CudaExecutable::sendOperations(size_t part) const
{
    const Context context{m_device->compute()};
    const auto [first, last] = m_plan->part(part);
    for (size_t i = first; i < last; ++i)
        for (const Launch& launch : m_steps.launches[i])
            launch(context);
    if (part == m_sums.size())
        sendUpdates();
    check(cudaGetLastError(), "starting a step");
}

void CudaExecutable::sendUpdates() const
{
    const Context context{m_device->compute()};
    for (const ir::Update& update : m_plan->copies)
        copyBytes(context, address(update.target), address(update.source),
            m_plan->program.typeOf(update.target).bytes());
}

void CudaExecutable::runPart(size_t part)
{
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    if (part == 0)
        takeInputs();
    if (!m_graphs[part] && m_noGraph.empty() && m_plainRuns >= warmUpRuns)
        capture(part);
    if (m_graphs[part])
        check(cudaGraphLaunch(m_graphs[part].get(), m_device->compute()), "starting a step");
    else
        sendOperations(part);
    if (part < m_sums.size())
        return;
    if (!m_graphs[part])
        ++m_plainRuns;
    keepResults();
}

void CudaExecutable::keepResults()
{
    m_results.keep(m_plan->program, [this](ValueId id) { return address(id); });
}

void CudaExecutable::readBefore(ValueId value, std::span<std::byte> bytes) const
{
    checkSize(value, bytes.size());
    if (!m_results.has(value, 1))
        throw std::logic_error("there is no result of an earlier run to read");
    m_device->use();
    m_results.read(value, 1, bytes);
}

/// Records a part of the step instead of running it. Whatever goes wrong, it can still be sent operation by
/// operation.
void CudaExecutable::capture(size_t part)
{
    try {
        m_graphs[part] = captureGraph(m_device->compute(), [this, part] { sendOperations(part); });
    } catch (const backend::DeviceFailure& failure) {
        if (++m_failedCaptures == mostCaptures)
            m_noGraph = failure.what();
    }
}

void CudaExecutable::read(ValueId value, std::span<std::byte> bytes) const
{
    checkSize(value, bytes.size());
    m_device->use();
    if (m_results.has(value, 0))
        return m_results.read(value, 0, bytes);
    for (size_t done = 0; done < bytes.size();) {
        const size_t count = std::min(bytes.size() - done, static_cast<size_t>(readBufferBytes));
        sendRead(address(value) + done, count);
        m_device->waitFor(m_readDone, "computing");
        std::memcpy(bytes.data() + done, m_readBuffer.data(), count);
        done += count;
    }
}

void CudaExecutable::sendRead(const std::byte* from, size_t count) const
{
    const std::lock_guard lock(m_device->turn);
    check(cudaMemcpyAsync(m_readBuffer.data(), from, count, cudaMemcpyDeviceToHost, m_device->compute()),
        "copying results from it");
    check(cudaEventRecord(m_readDone.get(), m_device->compute()), "copying results from it");
}

void CudaExecutable::poison()
{
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    const auto fill = [this](const auto& memory) {
        check(cudaMemsetAsync(memory.data(), 0xff, static_cast<size_t>(memory.bytes()), m_device->compute()),
            "filling memory");
    };
    fill(*m_arena);
    fill(m_scratch);
    m_inputs.takeAllAgain();
}

std::vector<double> CudaExecutable::timeOps()
{
    const std::lock_guard lock(m_device->turn);
    m_device->use();
    takeInputs();
    const Context context{m_device->compute()};
    std::vector<Event> marks;
    const auto mark = [&] {
        marks.push_back(makeEvent(cudaEventDefault));
        check(cudaEventRecord(marks.back().get(), m_device->compute()), "taking the time");
    };
    mark();
    for (const auto& launches : m_steps.launches) {
        for (const Launch& launch : launches)
            launch(context);
        mark();
    }
    sendUpdates();
    check(cudaGetLastError(), "starting a step");
    keepResults();
    m_device->wait();
    std::vector<double> seconds;
    for (size_t i = 1; i < marks.size(); ++i) {
        float milliseconds = 0;
        check(cudaEventElapsedTime(&milliseconds, marks[i - 1].get(), marks[i].get()), "taking the time");
        seconds.push_back(milliseconds * 1e-3);
    }
    return seconds;
}

int64_t CudaExecutable::memoryBytes() const
{
    return backend::inMemoryUnits(m_arena->bytes()) + m_scratch.bytes() + m_inputs.deviceBytes();
}

std::string CudaExecutable::note() const
{
    if (std::all_of(m_graphs.begin(), m_graphs.end(), [](const GraphExec& graph) { return graph != nullptr; }))
        return m_graphs.size() == 1
                   ? "Each step is one CUDA graph."
                   : "Each step is " + std::to_string(m_graphs.size()) +
                         " CUDA graphs, between which the devices add up.";
    return m_noGraph.empty() ? std::string() : "The step could not be captured as a CUDA graph. " + m_noGraph;
}

} // namespace gradloom::cuda
