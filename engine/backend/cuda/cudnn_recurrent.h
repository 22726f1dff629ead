#pragma once

#include "engine/backend/cuda/cuda_op.h"
#include "engine/backend/cuda/cudnn_descriptors.h"

#include <memory>
#include <optional>

namespace gradloom::cuda {

/// Sizes of a recurrent layer in one direction.
struct CudnnRecurrentShape
{
    cudnnRNNMode_t cell = CUDNN_RNN_TANH;
    int64_t sequences = 0, steps = 0, features = 0, units = 0;
    bool strict = false; ///< float32 without rounding of operands

    int64_t gates() const { return cell == CUDNN_LSTM ? 4 : cell == CUDNN_GRU ? 3 : 1; }
    /// Rows of biases: of x and of the state (Gru), or of x alone.
    int64_t biases() const { return cell == CUDNN_GRU ? 2 : 1; }
};

/// A recurrent layer described to cuDNN: sequences of one length, batch by batch. Owns its descriptors.
class CudnnRecurrent
{
public:
    /// Throws DeviceFailure where cuDNN refuses it.
    CudnnRecurrent(cudnnHandle_t dnn, const CudnnRecurrentShape& shape, bool training);

    const CudnnRecurrentShape& shape() const { return m_shape; }
    cudnnHandle_t dnn() const { return m_dnn; }
    cudnnRNNDescriptor_t layer() const { return m_layer.get(); }
    cudnnRNNDataDescriptor_t x() const { return m_x.get(); }
    cudnnRNNDataDescriptor_t y() const { return m_y.get(); }
    cudnnTensorDescriptor_t state() const { return m_state.get(); }
    size_t weightBytes() const { return m_weightBytes; }
    size_t workBytes() const { return m_workBytes; }
    size_t reserveBytes() const { return m_reserveBytes; } ///< 0 outside training

    /// Adds copies between the operation's weights and biases (D×(G·H), H×(G·H), rows of G·H) and cuDNN's
    /// weight space, where the matrices of the gates, in the same order, are H×D and H×H. Absent biases stay
    /// as they are.
    struct Weights
    {
        float* input;
        float* recurrent;
        float* bias; ///< or null
    };
    void addPacking(Preparation& preparation, const Weights& from, std::byte* space) const;
    void addUnpacking(Preparation& preparation, const std::byte* space, const Weights& to) const;

private:
    /// Where cuDNN has a matrix of each gate, in floats from the beginning of the weight space.
    using Places = std::vector<int64_t>;

    void describeLayer();
    void findWeights();
    void addGates(Preparation& preparation, const Places& places, int64_t columns, float* ours, float* theirs,
        bool pack) const;
    void addAll(Preparation& preparation, const Weights& ours, float* theirs, bool pack) const;

    CudnnRecurrentShape m_shape;
    cudnnHandle_t m_dnn;
    Owned<cudnnDropoutDescriptor_t, cudnnDestroyDropoutDescriptor> m_dropout;
    Owned<cudnnRNNDescriptor_t, cudnnDestroyRNNDescriptor> m_layer;
    Owned<cudnnRNNDataDescriptor_t, cudnnDestroyRNNDataDescriptor> m_x, m_y;
    TensorDescriptor m_state;
    size_t m_weightBytes = 0, m_workBytes = 0, m_reserveBytes = 0;
    Places m_matrices[2], m_biases[2]; ///< of x and of the state
};

} // namespace gradloom::cuda
