#pragma once

#include "engine/backend/cuda/input_staging.h"
#include "engine/backend/cuda/result_ring.h"

namespace gradloom::cuda {

/// Memory of a model on a device.
class CudaMemory : public backend::Memory
{
public:
    CudaMemory(std::shared_ptr<Device> device, ReservedMemory& reserved, int64_t bytes);
    CudaMemory(std::shared_ptr<Device> device, Block block)
        : m_device(std::move(device)), m_block(std::move(block))
    {
    }
    int64_t bytes() const override { return m_block.bytes(); }
    void upload(std::span<const std::byte> source, int64_t offset) override;
    void download(std::span<std::byte> destination, int64_t offset) const override;
    std::byte* data() const { return m_block.data(); }

private:
    std::shared_ptr<Device> m_device;
    Block m_block;
};

/// A step on the GPU. The first runs are sent operation by operation; then each part of the step (there is one
/// where no devices share it) is captured as a CUDA graph, which is sent with one call. Results of one number
/// are copied to the host behind every run, so that they can be read without stopping the device.
class CudaExecutable : public backend::Executable
{
public:
    /// What an executable takes and how it computes.
    struct How
    {
        Settings settings;
        ReservedMemory& reserved;
        /// Bytes that are free beside what is reserved once the arena is there: room for libraries'
        /// workspaces.
        std::function<int64_t()> freeBytes;
    };

    /// Throws DeviceFailure.
    CudaExecutable(std::shared_ptr<Device> device, std::shared_ptr<const compile::Plan> plan,
        const backend::ModelMemory& model, const How& how);
    ~CudaExecutable() override;
    CudaExecutable(const CudaExecutable&) = delete;
    CudaExecutable& operator=(const CudaExecutable&) = delete;

    void write(ir::ValueId value, std::span<const std::byte> bytes) override;
    void runPart(size_t part) override;
    std::span<const backend::MemoryRange> sums() const override { return m_sums; }
    void read(ir::ValueId value, std::span<std::byte> bytes) const override;
    bool runsAhead() const override { return true; }
    void readBefore(ir::ValueId value, std::span<std::byte> bytes) const override;
    void poison() override;
    std::vector<double> timeOps() override;
    std::vector<std::string> kernels() const override { return m_steps.kernels; }
    int64_t memoryBytes() const override;
    std::string note() const override;

private:
    std::byte* address(ir::ValueId id) const;
    void checkSize(ir::ValueId value, size_t bytes) const;
    void prepare(const How& how);
    void takeInputs();
    void sendOperations(size_t part) const;
    void sendUpdates() const;
    void keepResults();
    void capture(size_t part);
    /// Copies to the read buffer.
    void sendRead(const std::byte* from, size_t count) const;

    std::shared_ptr<Device> m_device;
    std::shared_ptr<const compile::Plan> m_plan;
    backend::ModelMemory m_model;
    std::shared_ptr<CudaMemory> m_arena;
    std::vector<backend::MemoryRange> m_sums;
    Block m_scratch;
    Block m_readBuffer; ///< pinned
    Event m_readDone = makeEvent();
    InputStaging m_inputs;
    ResultRing m_results;
    PreparedSteps m_steps;
    std::vector<GraphExec> m_graphs; ///< by part
    int m_plainRuns = 0;
    int m_failedCaptures = 0;
    std::string m_noGraph; ///< why the step could not be captured
};

} // namespace gradloom::cuda
