#pragma once

#include "engine/backend/cuda/functors/copy.h"
#include "tests/fake_cudnn/fake_cudnn.h"

#include <cstring>
#include <functional>
#include <map>
#include <numeric>

/// Graphs of operations on the pretended cuDNN: descriptors keep what they are told.
namespace gradloom::tests::fake_graph {

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

inline TensorView viewOf(const Descriptor* tensor)
{
    return {tensor, tensor->all<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
        tensor->all<int64_t>(CUDNN_ATTR_TENSOR_STRIDES),
        tensor->one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE), nullptr};
}

inline bool isInner(const Descriptor* tensor)
{
    return tensor->one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL);
}

/// Of a graph.
inline std::vector<const Descriptor*> operationsOf(const Descriptor& graph)
{
    std::vector<const Descriptor*> operations;
    for (void* op : graph.all<void*>(CUDNN_ATTR_OPERATIONGRAPH_OPS))
        operations.push_back(static_cast<const Descriptor*>(op));
    return operations;
}

/// Keeps the reason.
cudnnStatus_t refuse(const char* reason);
/// Computes the graph of a plan in the memory that a pack names, one operation after the other.
cudnnStatus_t execute(const Descriptor& plan, const Descriptor& pack);

} // namespace gradloom::tests::fake_graph
