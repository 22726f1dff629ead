#pragma once

#include "engine/backend/cuda/cuda_check.h"
#include "engine/backend/cuda/cuda_op.h"

#include <map>
#include <optional>

/// Graphs of operations, which cuDNN compiles to one kernel or a few: its backend API,
/// https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-graph-library.html. What cuDNN refuses
/// is thrown as DeviceFailure.
namespace gradloom::cuda {

using BackendDescriptor = Owned<cudnnBackendDescriptor_t, cudnnBackendDestroyDescriptor>;

/// How cuDNN is told the type of an attribute.
template <class T>
constexpr cudnnBackendAttributeType_t attributeType()
{
    if constexpr (std::is_same_v<T, int64_t>)
        return CUDNN_TYPE_INT64;
    else if constexpr (std::is_same_v<T, bool>)
        return CUDNN_TYPE_BOOLEAN;
    else if constexpr (std::is_same_v<T, cudnnDataType_t>)
        return CUDNN_TYPE_DATA_TYPE;
    else if constexpr (std::is_same_v<T, cudnnHandle_t>)
        return CUDNN_TYPE_HANDLE;
    else if constexpr (std::is_same_v<T, cudnnPointwiseMode_t>)
        return CUDNN_TYPE_POINTWISE_MODE;
    else if constexpr (std::is_same_v<T, cudnnReduceTensorOp_t>)
        return CUDNN_TYPE_REDUCTION_OPERATOR_TYPE;
    else if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>)
        return CUDNN_TYPE_HEUR_MODE;
    else if constexpr (std::is_same_v<T, cudnnBackendNormMode_t>)
        return CUDNN_TYPE_NORM_MODE;
    else if constexpr (std::is_same_v<T, cudnnBackendNormFwdPhase_t>)
        return CUDNN_TYPE_NORM_FWD_PHASE;
    else {
        static_assert(std::is_same_v<T, cudnnBackendDescriptor_t>, "cuDNN has no such attribute");
        return CUDNN_TYPE_BACKEND_DESCRIPTOR;
    }
}

/// A descriptor while it is filled in.
class DescriptorBuilder
{
public:
    explicit DescriptorBuilder(cudnnBackendDescriptorType_t type)
    {
        cudnnBackendDescriptor_t made = nullptr;
        check(cudnnBackendCreateDescriptor(type, &made), "describing a graph");
        m_owner.reset(made);
    }

    template <class T>
    DescriptorBuilder& set(cudnnBackendAttributeName_t name, const T& value)
    {
        return setArray(name, attributeType<T>(), 1, &value);
    }
    template <class T>
    DescriptorBuilder& set(cudnnBackendAttributeName_t name, const std::vector<T>& values)
    {
        return setArray(name, attributeType<T>(), static_cast<int64_t>(values.size()), values.data());
    }
    DescriptorBuilder& setAddresses(cudnnBackendAttributeName_t name, const std::vector<void*>& addresses)
    {
        return setArray(name, CUDNN_TYPE_VOID_PTR, static_cast<int64_t>(addresses.size()), addresses.data());
    }
    BackendDescriptor finish()
    {
        check(cudnnBackendFinalize(m_owner.get()), "describing a graph");
        return std::move(m_owner);
    }

private:
    DescriptorBuilder& setArray(
        cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count, const void* values)
    {
        check(cudnnBackendSetAttribute(m_owner.get(), name, type, count, values), "describing a graph");
        return *this;
    }

    BackendDescriptor m_owner;
};

/// A graph that cuDNN compiled.
class CompiledGraph
{
public:
    int64_t workspaceBytes() const { return m_workspaceBytes; }

    /// `addresses` of its operands, in the order in which they were described, and memory of
    /// workspaceBytes(); everything on the device.
    static Launch launch(
        std::shared_ptr<const CompiledGraph> graph, std::vector<void*> addresses, void* workspace);

private:
    friend class GraphBuilder;

    BackendDescriptor pack(const std::vector<void*>& addresses, void* workspace) const;

    cudnnHandle_t m_dnn = nullptr;
    std::vector<BackendDescriptor> m_parts; ///< what the plan was made from
    BackendDescriptor m_plan;
    std::vector<int64_t> m_operands; ///< their numbers as cuDNN knows them
    std::map<int64_t, float> m_numbers;
    int64_t m_workspaceBytes = 0;
};

using Extents = std::vector<int64_t>;

/// Strides, in elements, of a tensor whose last dimension is contiguous.
Extents packedStrides(const Extents& extents);

/// A tensor of a graph that is being built.
struct GraphTensor
{
    cudnnBackendDescriptor_t descriptor = nullptr;
    Extents extents, strides;
};

/// Describes a graph, operations in the order in which they are computed. Sums and everything between
/// operations are float32 unless it is said otherwise.
class GraphBuilder
{
public:
    explicit GraphBuilder(cudnnHandle_t dnn) : m_made(std::make_shared<CompiledGraph>())
    {
        m_made->m_dnn = dnn;
    }

    /// A tensor in memory, an operand or a result, at an address that is a multiple of 16.
    GraphTensor operand(cudnnDataType_t type, const Extents& extents, const Extents& strides);
    /// One number, in as many dimensions as tensors have.
    GraphTensor number(float value);
    /// What an operation gives another one.
    GraphTensor inner(const Extents& extents, cudnnDataType_t type = CUDNN_DATA_FLOAT);

    /// c = a·b, matrices in the last two dimensions.
    void multiply(const GraphTensor& a, const GraphTensor& b, const GraphTensor& c);
    GraphTensor multiply(const GraphTensor& a, const GraphTensor& b);
    /// `operands`: one, two, or two and the condition of a selection.
    void pointwise(cudnnPointwiseMode_t mode, std::initializer_list<GraphTensor> operands,
        const GraphTensor& result, cudnnDataType_t computed = CUDNN_DATA_FLOAT);
    /// As large as the first operand.
    GraphTensor pointwise(cudnnPointwiseMode_t mode, std::initializer_list<GraphTensor> operands);
    /// The place of each element of x along a dimension.
    GraphTensor index(const GraphTensor& x, int64_t axis);
    /// Over the last dimension.
    GraphTensor reduce(cudnnReduceTensorOp_t how, const GraphTensor& x);
    /// The transposed matrices of x.
    GraphTensor transposed(const GraphTensor& x, cudnnDataType_t type);
    /// Any operation, with its attributes set.
    void add(DescriptorBuilder& operation) { m_operations.push_back(keep(operation.finish())); }

    /// The first of the ways that cuDNN proposes which it can compile and whose workspace is small enough.
    std::shared_ptr<const CompiledGraph> compile(int64_t workspaceLimit);

private:
    enum class Place { Memory, Inner, Value };
    GraphTensor tensor(cudnnDataType_t type, const Extents& extents, const Extents& strides, Place place);
    bool compileAs(cudnnBackendHeurMode_t proposals, cudnnBackendDescriptor_t graph, int64_t workspaceLimit);
    bool take(BackendDescriptor way, int64_t workspaceLimit);
    cudnnBackendDescriptor_t keep(BackendDescriptor part)
    {
        m_made->m_parts.push_back(std::move(part));
        return m_made->m_parts.back().get();
    }

    std::shared_ptr<CompiledGraph> m_made;
    std::vector<cudnnBackendDescriptor_t> m_operations;
    int64_t m_tensors = 0;
};

/// Compiled graphs by what they are made for, because compiling takes long and a network is prepared several
/// times.
class GraphCache
{
public:
    /// `describe` is called where there is none for `key`. What cuDNN refused once is refused again; that
    /// memory was short may change.
    std::shared_ptr<const CompiledGraph> find(
        const Extents& key, const std::function<std::shared_ptr<const CompiledGraph>()>& describe)
    {
        if (const auto refused = m_refused.find(key); refused != m_refused.end())
            throw backend::DeviceFailure(refused->second);
        if (const auto known = m_graphs.find(key); known != m_graphs.end())
            return known->second;
        try {
            return m_graphs.emplace(key, describe()).first->second;
        } catch (const OutOfDeviceMemory&) {
            throw;
        } catch (const backend::DeviceFailure& failure) {
            m_refused[key] = failure.what();
            throw;
        }
    }

private:
    std::map<Extents, std::shared_ptr<const CompiledGraph>> m_graphs;
    std::map<Extents, std::string> m_refused;
};

} // namespace gradloom::cuda
