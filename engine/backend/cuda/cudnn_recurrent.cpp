#include "engine/backend/cuda/cudnn_recurrent.h"

#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

namespace {

constexpr const char* describing = "describing a recurrent layer";

template <auto create, class Owner>
void make(Owner& owner)
{
    typename Owner::pointer descriptor = nullptr;
    check(create(&descriptor), describing);
    owner.reset(descriptor);
}

} // namespace

CudnnRecurrent::CudnnRecurrent(cudnnHandle_t dnn, const CudnnRecurrentShape& shape, bool training)
    : m_shape(shape), m_dnn(dnn)
{
    describeLayer();
    const std::vector<int> lengths(static_cast<size_t>(shape.sequences), static_cast<int>(shape.steps));
    const auto describeData = [&](auto& owner, int64_t size) {
        make<cudnnCreateRNNDataDescriptor>(owner);
        check(cudnnSetRNNDataDescriptor(owner.get(), CUDNN_DATA_FLOAT,
                  CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED, static_cast<int>(shape.steps),
                  static_cast<int>(shape.sequences), static_cast<int>(size), lengths.data(), nullptr),
            describing);
    };
    describeData(m_x, shape.features);
    describeData(m_y, shape.units);
    make<cudnnCreateTensorDescriptor>(m_state);
    const auto units = static_cast<int>(shape.units);
    const int dims[] = {1, static_cast<int>(shape.sequences), units};
    const int strides[] = {dims[1] * units, units, 1};
    check(cudnnSetTensorNdDescriptor(m_state.get(), CUDNN_DATA_FLOAT, 3, dims, strides), describing);
    check(cudnnGetRNNTempSpaceSizes(dnn, m_layer.get(),
              training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, m_x.get(), &m_workBytes,
              &m_reserveBytes),
        describing);
    findWeights();
}

void CudnnRecurrent::describeLayer()
{
    make<cudnnCreateDropoutDescriptor>(m_dropout);
    check(cudnnSetDropoutDescriptor(m_dropout.get(), m_dnn, 0, nullptr, 0, 0), describing);
    make<cudnnCreateRNNDescriptor>(m_layer);
    const auto units = static_cast<int32_t>(m_shape.units);
    // The persistent algorithms wait within a kernel for all its blocks: what may hang cannot be tried.
    check(cudnnSetRNNDescriptor_v8(m_layer.get(), CUDNN_RNN_ALGO_STANDARD, m_shape.cell,
              m_shape.biases() == 2 ? CUDNN_RNN_DOUBLE_BIAS : CUDNN_RNN_SINGLE_INP_BIAS, CUDNN_UNIDIRECTIONAL,
              CUDNN_LINEAR_INPUT, CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT,
              m_shape.strict ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH, static_cast<int32_t>(m_shape.features),
              units, units, 1, m_dropout.get(), CUDNN_RNN_PADDED_IO_ENABLED),
        describing);
}

void CudnnRecurrent::findWeights()
{
    check(cudnnGetRNNWeightSpaceSize(m_dnn, m_layer.get(), &m_weightBytes), describing);
    // The memory may not be there yet: cuDNN counts from any address.
    auto* const base = reinterpret_cast<std::byte*>(uintptr_t{1} << 20);
    TensorDescriptor matrix;
    TensorDescriptor bias;
    make<cudnnCreateTensorDescriptor>(matrix);
    make<cudnnCreateTensorDescriptor>(bias);
    const auto place = [&](void* address, const TensorDescriptor& descriptor, int64_t rows, int64_t columns) {
        cudnnDataType_t type = CUDNN_DATA_FLOAT;
        int rank = 0;
        int dims[3] = {};
        int strides[3] = {};
        check(cudnnGetTensorNdDescriptor(descriptor.get(), 3, &type, &rank, dims, strides), describing);
        if (address == nullptr || type != CUDNN_DATA_FLOAT || rank != 3 || dims[1] != rows ||
            dims[2] != columns)
            throw backend::DeviceFailure("cuDNN keeps the weights of a recurrent layer in an unknown order.");
        return (static_cast<std::byte*>(address) - base) / static_cast<int64_t>(sizeof(float));
    };
    for (int32_t id = 0; id < 2 * m_shape.gates(); ++id) {
        const auto side = static_cast<size_t>(id / m_shape.gates());
        void* matrixAt = nullptr;
        void* biasAt = nullptr;
        check(cudnnGetRNNWeightParams(m_dnn, m_layer.get(), 0, m_weightBytes, base, id, matrix.get(),
                  &matrixAt, bias.get(), &biasAt),
            describing);
        m_matrices[side].push_back(
            place(matrixAt, matrix, m_shape.units, side == 0 ? m_shape.features : m_shape.units));
        if (static_cast<int64_t>(side) < m_shape.biases())
            m_biases[side].push_back(place(biasAt, bias, m_shape.units, 1));
    }
}

/// In one copy where the gates lie at equal distances.
void CudnnRecurrent::addGates(
    Preparation& p, const Places& places, int64_t columns, float* ours, float* theirs, bool pack) const
{
    const int64_t units = m_shape.units;
    const auto count = static_cast<int64_t>(places.size());
    bool even = true;
    for (size_t i = 2; i < places.size(); ++i)
        even = even && places[i] - places[i - 1] == places[1] - places[0];
    const int64_t together = even ? count : 1;
    for (int64_t gate = 0; gate < count; gate += together) {
        float* left = ours + gate * units;
        float* right = theirs + places[static_cast<size_t>(gate)];
        const int64_t distance = together > 1 ? places[1] - places[0] : 0;
        CopyLayout copy;
        copy.extents = Shape{together, units, columns};
        copy.sourceStride = {units, 1, count * units};
        copy.targetStride = {distance, columns, 1};
        if (!pack)
            std::swap(copy.sourceStride, copy.targetStride);
        copy.source = reinterpret_cast<const uint32_t*>(pack ? left : right);
        copy.target = reinterpret_cast<uint32_t*>(pack ? right : left);
        addCopy(p, copy);
    }
}

void CudnnRecurrent::addAll(Preparation& p, const Weights& ours, float* theirs, bool pack) const
{
    addGates(p, m_matrices[0], m_shape.features, ours.input, theirs, pack);
    addGates(p, m_matrices[1], m_shape.units, ours.recurrent, theirs, pack);
    for (int64_t row = 0; ours.bias != nullptr && row < m_shape.biases(); ++row)
        addGates(p, m_biases[row], 1, ours.bias + row * m_shape.gates() * m_shape.units, theirs, pack);
}

void CudnnRecurrent::addPacking(Preparation& p, const Weights& from, std::byte* space) const
{
    addAll(p, from, reinterpret_cast<float*>(space), true);
}

void CudnnRecurrent::addUnpacking(Preparation& p, const std::byte* space, const Weights& to) const
{
    addAll(p, to, reinterpret_cast<float*>(const_cast<std::byte*>(space)), false);
}

} // namespace gradloom::cuda
