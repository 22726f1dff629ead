#pragma once

#include "tests/engine/emulated_cuda.h"

#include <cudnn.h>

#include <string>
#include <vector>

/// A cuDNN that computes on the CPU, as far as the candidates use it, by what its documentation says. It
/// refuses what that does not allow, and leaves out what they do not use.
struct cudnnContext
{
    std::vector<std::string> complaints; ///< why calls were refused
    std::string broken;                  ///< a function that fails
    std::string wrong; ///< what is other than documented: a function, "matrices" or "biases" of gates
    int64_t graphWorkspace = 0; ///< bytes that every graph needs
    int compiledGraphs = 0;
    int refusedGraphs = 0; ///< because of what is `broken`
    bool searchesFail = false;     ///< for an algorithm of a convolution
    size_t fastWorkspace = 1024;   ///< bytes that the fast algorithm of a convolution needs
    bool fastIsDeterministic = false;
    std::vector<int> convolutions; ///< the algorithms that were used
    cudaStream_t stream =
        nullptr; ///< where it computes, but for graphs and layers of steps; without one at once
    int gap = 0; ///< floats more behind each next gate's weights, so that they lie at other distances each
};

struct cudnnTensorStruct
{
    bool set = false;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    std::vector<int> dims, strides; ///< n, c, h, w, or as they were set

    /// Of float32, as all but convolutions take it.
    bool isImage() const { return set && type == CUDNN_DATA_FLOAT && dims.size() == 4; }
    size_t at(int n, int c, int h, int w) const
    {
        const int place[4] = {n, c, h, w};
        size_t index = 0;
        for (size_t i = 0; i < 4; ++i)
            index += static_cast<size_t>(place[i]) * static_cast<size_t>(strides[i]);
        return index;
    }
};

namespace gradloom::tests {

/// Why calls of graphs were refused: they have no handle to keep it.
std::vector<std::string>& graphComplaints();
/// What cudnnGetVersion says.
size_t& pretendedVersion();

/// Whether memory was given, and can be used in whole vectors.
bool areGiven(std::initializer_list<const void*> addresses);

/// CUDNN_STATUS_SUCCESS where every condition holds; else the reason of the first that does not is kept.
struct CudnnRule
{
    bool holds;
    const char* reason;
};
cudnnStatus_t checkRules(cudnnHandle_t handle, const char* function, std::initializer_list<CudnnRule> rules);

template <class Work>
cudnnStatus_t compute(cudnnHandle_t handle, const Work& work)
{
    if (handle->stream)
        sendToStream(handle->stream, work);
    else
        work();
    return CUDNN_STATUS_SUCCESS;
}

template <class Descriptor>
cudnnStatus_t create(Descriptor** descriptor)
{
    *descriptor = new Descriptor;
    return CUDNN_STATUS_SUCCESS;
}

template <class Descriptor>
cudnnStatus_t destroy(Descriptor* descriptor)
{
    delete descriptor;
    return CUDNN_STATUS_SUCCESS;
}

} // namespace gradloom::tests
