#pragma once

#include "engine/backend/cuda/stream_trial.h"

namespace gradloom::cuda {

/// cuDNN and cuBLASLt of one device, bound to its stream, and the convolution algorithms that were measured
/// on it.
class Libraries
{
public:
    Libraries(int capability, cudaStream_t stream) : m_capability(capability)
    {
        cudnnHandle_t dnn = nullptr;
        check(cudnnCreate(&dnn), "starting");
        m_dnn.reset(dnn);
        check(cudnnSetStream(dnn, stream), "starting");
        cublasLtHandle_t blas = nullptr;
        check(cublasLtCreate(&blas), "starting");
        m_blas.reset(blas);
        m_alternatives.dnn = dnn;
        for (const Candidates& ofFile : allCandidates())
            m_alternatives.candidates.insert(m_alternatives.candidates.end(), ofFile.begin(), ofFile.end());
        m_alternatives.device = std::make_unique<StreamTrial>(stream);
    }

    cudnnHandle_t dnn() const { return m_dnn.get(); }
    cublasLtHandle_t blas() const { return m_blas.get(); }
    /// Whether products in TF32 and bfloat16 exist (compute capability 8.0).
    bool hasShortFloats() const { return m_capability >= 80; }
    AlgorithmCache& algorithms() { return m_algorithms; }
    Alternatives& alternatives() { return m_alternatives; }

    /// What cuBLASLt may use on the device, for all products: they run one after the other on the stream. The
    /// size its documentation recommends for the newest devices.
    static constexpr int64_t workspaceBytes = int64_t{32} << 20;
    void* workspace() const { return m_workspace.data(); }

private:
    int m_capability;
    Owned<cudnnHandle_t, cudnnDestroy> m_dnn;
    Owned<cublasLtHandle_t, cublasLtDestroy> m_blas;
    AlgorithmCache m_algorithms;
    Alternatives m_alternatives;
    Block m_workspace{Block::Where::Device, workspaceBytes};
};

} // namespace gradloom::cuda
