#include "engine/backend/cuda/cudnn_graph.h"

#include <array>

namespace gradloom::cuda {

namespace {

constexpr int64_t vectorBytes = 16; ///< that addresses are multiples of

template <class T>
T attributeOf(const BackendDescriptor& descriptor, cudnnBackendAttributeName_t name)
{
    T value{};
    int64_t count = 0;
    check(cudnnBackendGetAttribute(descriptor.get(), name, attributeType<T>(), 1, &count, &value),
        "asking about a graph");
    return value;
}

/// The ways of computing that cuDNN proposes, the best one first.
std::vector<BackendDescriptor> waysOf(const BackendDescriptor& proposals)
{
    int64_t count = 0;
    check(cudnnBackendGetAttribute(proposals.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
              CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
        "asking about a graph");
    std::vector<BackendDescriptor> ways;
    std::vector<cudnnBackendDescriptor_t> filled;
    for (int64_t i = 0; i < count; ++i) {
        cudnnBackendDescriptor_t way = nullptr;
        check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &way), "asking about a graph");
        ways.emplace_back(way);
        filled.push_back(way);
    }
    if (count > 0)
        check(cudnnBackendGetAttribute(proposals.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                  CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count, filled.data()),
            "asking about a graph");
    ways.resize(static_cast<size_t>(count));
    return ways;
}

} // namespace

Extents packedStrides(const Extents& extents)
{
    Extents strides(extents.size(), 1);
    for (size_t i = extents.size(); i-- > 1;)
        strides[i - 1] = strides[i] * extents[i];
    return strides;
}

BackendDescriptor CompiledGraph::pack(const std::vector<void*>& addresses, void* workspace) const
{
    std::vector<int64_t> numbers = m_operands;
    std::vector<void*> all = addresses;
    for (const auto& [number, value] : m_numbers) {
        numbers.push_back(number);
        all.push_back(const_cast<float*>(&value)); // cuDNN only reads it
    }
    return DescriptorBuilder(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        .set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, numbers)
        .setAddresses(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, all)
        .setAddresses(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, {workspace})
        .finish();
}

Launch CompiledGraph::launch(
    std::shared_ptr<const CompiledGraph> graph, std::vector<void*> addresses, void* workspace)
{
    // Made when it is first sent: while sizes are asked for there are no addresses.
    const auto packed = std::make_shared<BackendDescriptor>();
    return [=](const Context&) {
        if (!*packed)
            *packed = graph->pack(addresses, workspace);
        check(cudnnBackendExecute(graph->m_dnn, graph->m_plan.get(), packed->get()), "computing a graph");
    };
}

GraphTensor GraphBuilder::tensor(
    cudnnDataType_t type, const Extents& extents, const Extents& strides, Place place)
{
    const int64_t number = ++m_tensors;
    DescriptorBuilder described(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    described.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, extents)
        .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
        .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number)
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, vectorBytes);
    if (place == Place::Inner)
        described.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
    if (place == Place::Value)
        described.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
    return {keep(described.finish()), extents, strides};
}

GraphTensor GraphBuilder::operand(cudnnDataType_t type, const Extents& extents, const Extents& strides)
{
    GraphTensor made = tensor(type, extents, strides, Place::Memory);
    m_made->m_operands.push_back(m_tensors);
    return made;
}

GraphTensor GraphBuilder::number(float value)
{
    const Extents ones(4, 1);
    GraphTensor made = tensor(CUDNN_DATA_FLOAT, ones, ones, Place::Value);
    m_made->m_numbers[m_tensors] = value;
    return made;
}

GraphTensor GraphBuilder::inner(const Extents& extents, cudnnDataType_t type)
{
    return tensor(type, extents, packedStrides(extents), Place::Inner);
}

void GraphBuilder::multiply(const GraphTensor& a, const GraphTensor& b, const GraphTensor& c)
{
    const auto how = keep(DescriptorBuilder(CUDNN_BACKEND_MATMUL_DESCRIPTOR)
                              .set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT)
                              .finish());
    add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR)
            .set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how)
            .set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a.descriptor)
            .set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b.descriptor)
            .set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, c.descriptor));
}

GraphTensor GraphBuilder::multiply(const GraphTensor& a, const GraphTensor& b)
{
    Extents extents = a.extents;
    extents.back() = b.extents.back();
    GraphTensor c = inner(extents);
    multiply(a, b, c);
    return c;
}

void GraphBuilder::pointwise(cudnnPointwiseMode_t mode, std::initializer_list<GraphTensor> operands,
    const GraphTensor& result, cudnnDataType_t computed)
{
    static constexpr std::array names{CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
        CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_ATTR_OPERATION_POINTWISE_TDESC};
    const auto how = keep(DescriptorBuilder(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
                              .set(CUDNN_ATTR_POINTWISE_MODE, mode)
                              .set(CUDNN_ATTR_POINTWISE_MATH_PREC, computed)
                              .finish());
    DescriptorBuilder operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result.descriptor);
    size_t i = 0;
    for (const GraphTensor& operand : operands)
        operation.set(names[i++], operand.descriptor);
    add(operation);
}

GraphTensor GraphBuilder::pointwise(cudnnPointwiseMode_t mode, std::initializer_list<GraphTensor> operands)
{
    GraphTensor result = inner(operands.begin()->extents);
    pointwise(mode, operands, result);
    return result;
}

GraphTensor GraphBuilder::index(const GraphTensor& x, int64_t axis)
{
    GraphTensor result = inner(x.extents, CUDNN_DATA_INT32);
    const auto how = keep(DescriptorBuilder(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
                              .set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_GEN_INDEX)
                              .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
                              .set(CUDNN_ATTR_POINTWISE_AXIS, axis)
                              .finish());
    add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.descriptor)
            .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result.descriptor));
    return result;
}

GraphTensor GraphBuilder::reduce(cudnnReduceTensorOp_t how, const GraphTensor& x)
{
    Extents extents = x.extents;
    extents.back() = 1;
    GraphTensor result = inner(extents);
    const auto described = keep(DescriptorBuilder(CUDNN_BACKEND_REDUCTION_DESCRIPTOR)
                                    .set(CUDNN_ATTR_REDUCTION_OPERATOR, how)
                                    .set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT)
                                    .finish());
    add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
            .set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, described)
            .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x.descriptor)
            .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, result.descriptor));
    return result;
}

GraphTensor GraphBuilder::transposed(const GraphTensor& x, cudnnDataType_t type)
{
    Extents extents = x.extents;
    Extents strides = x.strides;
    std::swap(extents[extents.size() - 2], extents.back());
    std::swap(strides[strides.size() - 2], strides.back());
    GraphTensor result = tensor(type, extents, strides, Place::Inner);
    add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR)
            .set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x.descriptor)
            .set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, result.descriptor));
    return result;
}

bool GraphBuilder::take(BackendDescriptor way, int64_t workspaceLimit)
{
    DescriptorBuilder plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, m_made->m_dnn)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, way.get());
    try {
        BackendDescriptor compiled = plan.finish();
        const auto bytes = attributeOf<int64_t>(compiled, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
        if (bytes > workspaceLimit)
            return false;
        m_made->m_workspaceBytes = bytes;
        m_made->m_plan = std::move(compiled);
    } catch (const backend::DeviceFailure&) {
        return false; // another way may do
    }
    keep(std::move(way));
    return true;
}

bool GraphBuilder::compileAs(
    cudnnBackendHeurMode_t mode, cudnnBackendDescriptor_t graph, int64_t workspaceLimit)
{
    const BackendDescriptor proposals = DescriptorBuilder(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
                                            .set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
                                            .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode)
                                            .finish();
    for (BackendDescriptor& way : waysOf(proposals))
        if (take(std::move(way), workspaceLimit))
            return true;
    return false;
}

std::shared_ptr<const CompiledGraph> GraphBuilder::compile(int64_t workspaceLimit)
{
    const auto graph = keep(DescriptorBuilder(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
                                .set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, m_made->m_dnn)
                                .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, m_operations)
                                .finish());
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
        if (compileAs(mode, graph, workspaceLimit))
            return m_made;
    check(CUDNN_STATUS_NOT_SUPPORTED, "compiling a graph");
    return nullptr;
}

} // namespace gradloom::cuda
