#include "tests/fake_cudnn/fake_graph.h"

#include <algorithm>

/// What the pretended cuDNN asks of descriptors and graphs.
namespace gradloom::tests {

std::vector<std::string>& graphComplaints()
{
    static std::vector<std::string> complaints;
    return complaints;
}

size_t& pretendedVersion()
{
    static size_t version = CUDNN_VERSION;
    return version;
}

namespace fake_graph {

cudnnStatus_t refuse(const char* reason)
{
    graphComplaints().push_back(reason);
    return CUDNN_STATUS_BAD_PARAM;
}

namespace {

size_t bytesOf(cudnnBackendAttributeType_t type)
{
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return 8;
    default:
        return 4;
    }
}

/// What a descriptor must be told, and of what it is an operation: the result it makes.
struct Kind
{
    std::vector<cudnnBackendAttributeName_t> needed;
    std::vector<cudnnBackendAttributeName_t> operands, results;
};

const Kind& kindOf(cudnnBackendDescriptorType_t type)
{
    static const std::map<cudnnBackendDescriptorType_t, Kind> kinds{
        {CUDNN_BACKEND_TENSOR_DESCRIPTOR,
            {{CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_ATTR_TENSOR_STRIDES,
                 CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT},
                {}, {}}},
        {CUDNN_BACKEND_MATMUL_DESCRIPTOR, {{CUDNN_ATTR_MATMUL_COMP_TYPE}, {}, {}}},
        {CUDNN_BACKEND_POINTWISE_DESCRIPTOR,
            {{CUDNN_ATTR_POINTWISE_MODE, CUDNN_ATTR_POINTWISE_MATH_PREC}, {}, {}}},
        {CUDNN_BACKEND_REDUCTION_DESCRIPTOR,
            {{CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_ATTR_REDUCTION_COMP_TYPE}, {}, {}}},
        {CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_MATMUL_DESC},
                {CUDNN_ATTR_OPERATION_MATMUL_ADESC, CUDNN_ATTR_OPERATION_MATMUL_BDESC},
                {CUDNN_ATTR_OPERATION_MATMUL_CDESC}}},
        {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR}, {CUDNN_ATTR_OPERATION_POINTWISE_XDESC},
                {CUDNN_ATTR_OPERATION_POINTWISE_YDESC}}},
        {CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_REDUCTION_DESC}, {CUDNN_ATTR_OPERATION_REDUCTION_XDESC},
                {CUDNN_ATTR_OPERATION_REDUCTION_YDESC}}},
        {CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR,
            {{}, {CUDNN_ATTR_OPERATION_RESHAPE_XDESC}, {CUDNN_ATTR_OPERATION_RESHAPE_YDESC}}},
        {CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE},
                {CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC,
                    CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC},
                {CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC,
                    CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC}}},
        {CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_NORM_BWD_MODE},
                {CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC,
                    CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC,
                    CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC},
                {CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC,
                    CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC}}},
        {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_ATTR_OPERATIONGRAPH_OPS}, {}, {}}},
        {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR,
            {{CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_ATTR_ENGINEHEUR_MODE}, {}, {}}},
        {CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, {{CUDNN_ATTR_ENGINECFG_ENGINE}, {}, {}}},
        {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR,
            {{CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG}, {}, {}}},
        {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
            {{CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                 CUDNN_ATTR_VARIANT_PACK_WORKSPACE},
                {}, {}}},
    };
    return kinds.at(type);
}

/// `b` may be repeated to be as large as `a`.
bool fits(const Extents& a, const Extents& b)
{
    for (size_t d = 0; d < a.size(); ++d)
        if (b.size() != a.size() || (b[d] != a[d] && b[d] != 1))
            return false;
    return true;
}

/// What an operation of the graph asks of its tensors.
const char* problemOf(const Descriptor& op)
{
    const auto view = [&](cudnnBackendAttributeName_t name) { return viewOf(op.part(name)); };
    if (op.type == CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR) {
        const TensorView a = view(CUDNN_ATTR_OPERATION_MATMUL_ADESC);
        const TensorView b = view(CUDNN_ATTR_OPERATION_MATMUL_BDESC);
        const TensorView c = view(CUDNN_ATTR_OPERATION_MATMUL_CDESC);
        const size_t r = a.extents.size();
        const bool alike = std::equal(a.extents.begin(), a.extents.end() - 2, b.extents.begin()) &&
                           std::equal(a.extents.begin(), a.extents.end() - 2, c.extents.begin());
        if (!alike || a.extents[r - 1] != b.extents[r - 2] || c.extents[r - 2] != a.extents[r - 2] ||
            c.extents[r - 1] != b.extents[r - 1])
            return "matrices do not fit each other";
        if (isInner(a.descriptor) && a.type == CUDNN_DATA_FLOAT && b.type == CUDNN_DATA_FLOAT)
            return "fused attention multiplies 16-bit numbers";
    }
    if (op.type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) {
        const TensorView y = view(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        for (const auto name : {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                 CUDNN_ATTR_OPERATION_POINTWISE_TDESC})
            if (op.has(name) && !fits(y.extents, view(name).extents))
                return "an operand is not as large as the result";
    }
    if (op.type == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR &&
        !fits(view(CUDNN_ATTR_OPERATION_REDUCTION_XDESC).extents,
            view(CUDNN_ATTR_OPERATION_REDUCTION_YDESC).extents))
        return "a sum is larger than what it is made of";
    if (op.type == CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR &&
        view(CUDNN_ATTR_OPERATION_RESHAPE_XDESC).size() != view(CUDNN_ATTR_OPERATION_RESHAPE_YDESC).size())
        return "another shape has as many elements";
    return nullptr;
}

/// Inner tensors are made by one operation, before they are used.
const char* problemOfGraph(const Descriptor& graph)
{
    std::vector<const Descriptor*> made;
    for (const Descriptor* op : operationsOf(graph)) {
        if (!op->final)
            return "an operation is not final";
        if (const char* problem = problemOf(*op))
            return problem;
        const Kind& kind = kindOf(op->type);
        auto operands = kind.operands;
        if (op->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            operands.insert(
                operands.end(), {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_ATTR_OPERATION_POINTWISE_TDESC});
        for (const auto name : operands) {
            const Descriptor* tensor = op->part(name);
            if (tensor && isInner(tensor) && std::find(made.begin(), made.end(), tensor) == made.end())
                return "an inner tensor is used before it is made";
        }
        for (const auto name : kind.results) {
            if (std::find(made.begin(), made.end(), op->part(name)) != made.end())
                return "a tensor is made twice";
            made.push_back(op->part(name));
        }
    }
    return made.empty() ? "there is no operation" : nullptr;
}

const char* problemOfTensor(const Descriptor& tensor)
{
    const TensorView view = viewOf(&tensor);
    if (view.extents.size() != view.strides.size() || view.extents.size() < 3)
        return "extents and strides differ in number";
    return std::any_of(view.extents.begin(), view.extents.end(), [](int64_t e) { return e < 1; })
               ? "an extent is not positive"
               : nullptr;
}

} // namespace
} // namespace fake_graph
} // namespace gradloom::tests

using namespace gradloom::tests::fake_graph;

size_t cudnnGetVersion()
{
    return gradloom::tests::pretendedVersion();
}

cudnnStatus_t cudnnBackendCreateDescriptor(
    cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t* descriptor)
{
    *descriptor = new Descriptor{type};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    delete static_cast<Descriptor*>(descriptor);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
    cudnnBackendAttributeType_t type, int64_t count, const void* values)
{
    auto* d = static_cast<Descriptor*>(descriptor);
    if (!d || d->final || count < 1 || !values)
        return refuse("an attribute is set too late or to nothing");
    const auto* bytes = static_cast<const std::byte*>(values);
    const size_t size = static_cast<size_t>(count) * bytesOf(type);
    d->attributes[name] = {type, count, std::vector<std::byte>(bytes, bytes + size)};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    auto* d = static_cast<Descriptor*>(descriptor);
    const auto& kind = kindOf(d->type);
    for (const auto* names : {&kind.needed, &kind.operands, &kind.results})
        for (const auto name : *names)
            if (!d->has(name))
                return refuse("an attribute is missing");
    const char* problem = nullptr;
    if (d->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        problem = problemOfTensor(*d);
    if (d->type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
        problem = problemOfGraph(*d);
    if (problem)
        return refuse(problem);
    if (d->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
        const auto handle = d->one<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
        const Descriptor* way = d->part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
        if (handle->broken == "cudnnBackendFinalize") {
            ++handle->refusedGraphs;
            return CUDNN_STATUS_NOT_SUPPORTED;
        }
        // The first proposal is one that cannot be compiled, as it happens.
        if (!way->part(CUDNN_ATTR_ENGINECFG_ENGINE)->final)
            return CUDNN_STATUS_NOT_SUPPORTED;
        ++handle->compiledGraphs;
        const int64_t workspace = handle->graphWorkspace;
        d->attributes[CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE] = {CUDNN_TYPE_INT64, 1,
            std::vector<std::byte>(reinterpret_cast<const std::byte*>(&workspace),
                reinterpret_cast<const std::byte*>(&workspace + 1))};
    }
    d->final = true;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
    cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t wanted, int64_t* count,
    void* values)
{
    const auto* d = static_cast<const Descriptor*>(descriptor);
    if (!d->final)
        return refuse("a descriptor is asked that is not final");
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
        *count = 2;
        // Which engine computes is the graph itself here; of the first one it is not final.
        static Descriptor none{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
        const void* graphs[] = {&none, d->part(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)};
        auto* ways = static_cast<cudnnBackendDescriptor_t*>(values);
        for (int64_t i = 0; i < std::min<int64_t>(wanted, 2); ++i) {
            auto* way = static_cast<Descriptor*>(ways[i]);
            cudnnBackendSetAttribute(
                way, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graphs[i]);
            way->final = true;
        }
        return CUDNN_STATUS_SUCCESS;
    }
    const auto found = d->attributes.find(name);
    if (found == d->attributes.end() || found->second.type != type || wanted < found->second.count)
        return refuse("an attribute is asked that is not there");
    *count = found->second.count;
    std::memcpy(values, found->second.bytes.data(), found->second.bytes.size());
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(
    cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack)
{
    const auto* p = static_cast<const Descriptor*>(plan);
    const auto* v = static_cast<const Descriptor*>(pack);
    if (!p->final || !v->final || p->one<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) != handle)
        return refuse("a plan is executed that is not final, or of another handle");
    return execute(*p, *v);
}
