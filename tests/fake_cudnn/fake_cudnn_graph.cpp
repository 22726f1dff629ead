#include "engine/backend/cuda/functors/copy.h"
#include "tests/fake_cudnn/fake_cudnn.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <numeric>

/// Graphs of operations on the pretended cuDNN: descriptors keep what they are told, an execution computes
/// one operation after the other.
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

namespace {

using Extents = std::vector<int64_t>;

struct Attribute
{
    cudnnBackendAttributeType_t type = CUDNN_TYPE_HANDLE;
    int64_t count = 0;
    std::vector<std::byte> bytes;
};

struct Descriptor
{
    cudnnBackendDescriptorType_t type;
    bool final = false;
    std::map<cudnnBackendAttributeName_t, Attribute> attributes = {};

    bool has(cudnnBackendAttributeName_t name) const { return attributes.count(name) > 0; }
    template <class T>
    std::vector<T> all(cudnnBackendAttributeName_t name) const
    {
        const auto found = attributes.find(name);
        if (found == attributes.end())
            return {};
        std::vector<T> values(static_cast<size_t>(found->second.count));
        std::memcpy(values.data(), found->second.bytes.data(), found->second.bytes.size());
        return values;
    }
    template <class T>
    T one(cudnnBackendAttributeName_t name, T otherwise = {}) const
    {
        const auto found = attributes.find(name);
        if (found != attributes.end())
            std::memcpy(&otherwise, found->second.bytes.data(), sizeof otherwise);
        return otherwise;
    }
    const Descriptor* part(cudnnBackendAttributeName_t name) const
    {
        return static_cast<const Descriptor*>(one<void*>(name));
    }
};

cudnnStatus_t refuse(const char* reason)
{
    graphComplaints().push_back(reason);
    return CUDNN_STATUS_BAD_PARAM;
}

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

/// Any tensor as an operation sees it.
struct TensorView
{
    const Descriptor* descriptor = nullptr;
    Extents extents, strides;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    std::byte* data = nullptr;

    size_t size() const
    {
        return static_cast<size_t>(
            std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>()));
    }
    /// Place of element `i` of a tensor of `of` extents; dimensions of one are repeated.
    size_t at(size_t i, const Extents& of) const
    {
        int64_t place = 0;
        for (size_t d = of.size(); d-- > 0;) {
            const auto index = static_cast<int64_t>(i) % of[d];
            i /= static_cast<size_t>(of[d]);
            place += (extents[d] == 1 ? 0 : index) * strides[d];
        }
        return static_cast<size_t>(place);
    }
    float get(size_t i, const Extents& of) const
    {
        const size_t place = at(i, of);
        if (type == CUDNN_DATA_BFLOAT16)
            return cuda::fromBf16(reinterpret_cast<const cuda::Bf16*>(data)[place]);
        return reinterpret_cast<const float*>(data)[place]; // truth and places are numbers here
    }
    void set(size_t i, float value) const
    {
        const size_t place = at(i, extents);
        if (type == CUDNN_DATA_BFLOAT16)
            reinterpret_cast<cuda::Bf16*>(data)[place] = cuda::toBf16(value);
        else
            reinterpret_cast<float*>(data)[place] = value;
    }
};

TensorView viewOf(const Descriptor* tensor)
{
    return {tensor, tensor->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
        tensor->all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES),
        tensor->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE), nullptr};
}

bool isInner(const Descriptor* tensor)
{
    return tensor->one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL);
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

std::vector<const Descriptor*> operationsOf(const Descriptor& graph)
{
    std::vector<const Descriptor*> operations;
    for (void* op : graph.all<void*>(CUDNN_ATTR_OPERATIONGRAPH_OPS))
        operations.push_back(static_cast<const Descriptor*>(op));
    return operations;
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

/// One execution.
class Run
{
public:
    Run(const Descriptor& plan, const Descriptor& pack)
    {
        const Descriptor& way = *plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
        m_graph = way.part(CUDNN_ATTR_ENGINECFG_ENGINE);
        const auto ids = pack.all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
        const auto addresses = pack.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
        for (size_t i = 0; i < ids.size() && i < addresses.size(); ++i)
            m_given[ids[i]] = static_cast<std::byte*>(addresses[i]);
    }

    cudnnStatus_t compute()
    {
        for (const Descriptor* op : operationsOf(*m_graph)) {
            switch (op->type) {
            case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
                multiply(*op);
                break;
            case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
                pointwise(*op);
                break;
            case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
                reduce(*op);
                break;
            case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
                reshape(*op);
                break;
            case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
                normalise(*op);
                break;
            default:
                normaliseBackward(*op);
            }
            if (m_missing)
                return refuse("an operand has no address, or one that is no multiple of 16");
        }
        return CUDNN_STATUS_SUCCESS;
    }

private:
    TensorView tensor(const Descriptor& op, cudnnBackendAttributeName_t name)
    {
        TensorView view = viewOf(op.part(name));
        const auto id = view.descriptor->one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
        if (isInner(view.descriptor)) {
            auto& memory = m_inner[id];
            if (!memory)
                memory = std::make_shared<std::vector<float>>(view.size());
            view.data = reinterpret_cast<std::byte*>(memory->data());
            return view;
        }
        view.data = m_given[id];
        const bool value = view.descriptor->one<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE);
        m_missing = m_missing || !view.data || (!value && !areGiven({view.data}));
        return view;
    }

    void multiply(const Descriptor& op)
    {
        const TensorView a = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC);
        const TensorView b = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC);
        const TensorView c = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC);
        if (m_missing)
            return;
        const auto rows = static_cast<size_t>(*(c.extents.end() - 2));
        const auto columns = static_cast<size_t>(c.extents.back());
        const auto terms = static_cast<size_t>(a.extents.back());
        for (size_t i = 0; i < c.size(); ++i) {
            const size_t matrix = i / columns / rows;
            const size_t row = i / columns % rows;
            float sum = 0;
            for (size_t k = 0; k < terms; ++k)
                sum += a.get((matrix * rows + row) * terms + k, a.extents) *
                       b.get((matrix * terms + k) * columns + i % columns, b.extents);
            c.set(i, sum);
        }
    }

    void pointwise(const Descriptor& op)
    {
        const Descriptor& how = *op.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
        const auto mode = how.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
        const auto axis = static_cast<size_t>(how.one<int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1));
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        std::vector<TensorView> operands;
        for (const auto name : {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                 CUDNN_ATTR_OPERATION_POINTWISE_TDESC})
            if (op.has(name))
                operands.push_back(tensor(op, name));
        if (m_missing)
            return;
        for (size_t i = 0; i < y.size(); ++i) {
            float in[3] = {};
            for (size_t k = 0; k < operands.size(); ++k)
                in[k] = operands[k].get(i, y.extents);
            y.set(i, mode == CUDNN_POINTWISE_GEN_INDEX ? placeOf(i, y.extents, axis) : valueOf(mode, in));
        }
    }

    static float placeOf(size_t i, const Extents& extents, size_t axis)
    {
        for (size_t d = extents.size() - 1; d > axis; --d)
            i /= static_cast<size_t>(extents[d]);
        return static_cast<float>(i % static_cast<size_t>(extents[axis]));
    }

    static float valueOf(cudnnPointwiseMode_t mode, const float* in)
    {
        switch (mode) {
        case CUDNN_POINTWISE_ADD:
            return in[0] + in[1];
        case CUDNN_POINTWISE_SUB:
            return in[0] - in[1];
        case CUDNN_POINTWISE_MUL:
            return in[0] * in[1];
        case CUDNN_POINTWISE_DIV:
            return in[0] / in[1];
        case CUDNN_POINTWISE_EXP:
            return std::exp(in[0]);
        case CUDNN_POINTWISE_LOG:
            return std::log(in[0]);
        case CUDNN_POINTWISE_IDENTITY:
            return in[0];
        case CUDNN_POINTWISE_CMP_GE:
            return in[0] >= in[1] ? 1.0F : 0.0F;
        case CUDNN_POINTWISE_BINARY_SELECT:
            return in[2] != 0 ? in[0] : in[1];
        default:
            return std::nanf("");
        }
    }

    void reduce(const Descriptor& op)
    {
        const Descriptor& how = *op.part(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
        const bool most =
            how.one<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR) == CUDNN_REDUCE_TENSOR_MAX;
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
        if (m_missing)
            return;
        for (size_t i = 0; i < y.size(); ++i)
            y.set(i, most ? -INFINITY : 0.0F);
        const size_t terms = x.size() / y.size(); // of the last dimension
        for (size_t i = 0; i < x.size(); ++i) {
            const float before = y.get(i / terms, y.extents);
            const float value = x.get(i, x.extents);
            y.set(i / terms, most ? std::max(before, value) : before + value);
        }
    }

    void reshape(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC);
        if (m_missing)
            return;
        // The same numbers in memory, read with other strides.
        std::map<size_t, float> memory;
        for (size_t i = 0; i < x.size(); ++i)
            memory[x.at(i, x.extents)] = x.get(i, x.extents);
        for (size_t i = 0; i < y.size(); ++i)
            y.set(i, memory.at(y.at(i, y.extents)));
    }

    /// Visits every sample and group with the elements that share their statistics.
    template <class Visit>
    static void forGroups(const TensorView& x, const TensorView& statistics, const Visit& visit)
    {
        std::vector<std::vector<size_t>> groups(statistics.size());
        for (size_t i = 0; i < x.size(); ++i)
            groups[statistics.at(i, x.extents)].push_back(i);
        for (const auto& group : groups)
            visit(group);
    }

    void normalise(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC);
        const TensorView gamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC);
        const TensorView beta = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
        const TensorView epsilon = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC);
        const TensorView means = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC);
        const TensorView rstds = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC);
        if (m_missing)
            return;
        forGroups(x, means, [&](const std::vector<size_t>& group) {
            const auto count = static_cast<float>(group.size());
            float mean = 0;
            for (const size_t i : group)
                mean += x.get(i, x.extents) / count;
            float variance = 0;
            for (const size_t i : group)
                variance += (x.get(i, x.extents) - mean) * (x.get(i, x.extents) - mean) / count;
            const float rstd = 1 / std::sqrt(variance + epsilon.get(0, epsilon.extents));
            const auto statistic = [&](const TensorView& of, float value) {
                reinterpret_cast<float*>(of.data)[of.at(group.front(), x.extents)] = value;
            };
            statistic(means, mean);
            statistic(rstds, rstd);
            for (const size_t i : group)
                y.set(i,
                    (x.get(i, x.extents) - mean) * rstd * gamma.get(i, x.extents) + beta.get(i, x.extents));
        });
    }

    void normaliseBackward(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC);
        const TensorView means = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC);
        const TensorView rstds = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
        const TensorView gamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC);
        const TensorView dy = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC);
        const TensorView dx = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC);
        const TensorView dgamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC);
        const TensorView dbeta = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC);
        if (m_missing)
            return;
        const auto normal = [&](size_t i) {
            return (x.get(i, x.extents) - means.get(i, x.extents)) * rstds.get(i, x.extents);
        };
        for (size_t c = 0; c < gamma.size(); ++c) {
            dgamma.set(c, 0);
            dbeta.set(c, 0);
        }
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = gamma.at(i, x.extents);
            reinterpret_cast<float*>(dgamma.data)[c] += dy.get(i, x.extents) * normal(i);
            reinterpret_cast<float*>(dbeta.data)[c] += dy.get(i, x.extents);
        }
        forGroups(x, means, [&](const std::vector<size_t>& group) {
            float sum = 0;
            float along = 0;
            for (const size_t i : group) {
                const float u = dy.get(i, x.extents) * gamma.get(i, x.extents);
                sum += u / static_cast<float>(group.size());
                along += u * normal(i) / static_cast<float>(group.size());
            }
            for (const size_t i : group)
                dx.set(i, rstds.get(i, x.extents) *
                              (dy.get(i, x.extents) * gamma.get(i, x.extents) - sum - normal(i) * along));
        });
    }

    const Descriptor* m_graph = nullptr;
    std::map<int64_t, std::byte*> m_given;
    std::map<int64_t, std::shared_ptr<std::vector<float>>> m_inner;
    bool m_missing = false;
};

} // namespace
} // namespace gradloom::tests

using gradloom::tests::Descriptor;
using gradloom::tests::refuse;

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
    const size_t size = static_cast<size_t>(count) * gradloom::tests::bytesOf(type);
    d->attributes[name] = {type, count, std::vector<std::byte>(bytes, bytes + size)};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    auto* d = static_cast<Descriptor*>(descriptor);
    const auto& kind = gradloom::tests::kindOf(d->type);
    for (const auto* names : {&kind.needed, &kind.operands, &kind.results})
        for (const auto name : *names)
            if (!d->has(name))
                return refuse("an attribute is missing");
    const char* problem = nullptr;
    if (d->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        problem = gradloom::tests::problemOfTensor(*d);
    if (d->type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
        problem = gradloom::tests::problemOfGraph(*d);
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
    return gradloom::tests::Run(*p, *v).compute();
}
