#pragma once

#include "engine/backend/cuda/alternatives.h"
#include "tests/engine/cuda_compare.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/fake_cudnn/fake_cudnn.h"

#include <map>
#include <string>

namespace gradloom::tests {

using ir::ValueId;
using Kernels = std::map<std::string, std::string>;

/// Candidates on a pretended cuDNN that is always faster than the own kernels.
struct Pretended
{
    cudnnContext dnn;
    cuda::Alternatives alternatives;

    Pretended()
    {
        alternatives.dnn = &dnn;
        for (const cuda::Candidates& ofFile : cuda::allCandidates())
            alternatives.candidates.insert(alternatives.candidates.end(), ofFile.begin(), ofFile.end());
        // Whatever is tried later is faster, cuDNN behind the own kernels too.
        std::vector<float> times;
        for (float time = 1e6F; time > 1e-6F; time /= 2)
            times.push_back(time);
        alternatives.device = std::make_unique<EmulatedTrial>(std::move(times));
    }

    /// The next one has not heard of what was refused to this one.
    ~Pretended() { graphComplaints().clear(); }

    std::unique_ptr<backend::Backend> open(const backend::DeviceOptions& options = {})
    {
        return openEmulatedCuda(options, true, &alternatives);
    }
};

inline TensorType f(Shape shape)
{
    return {shape, DType::F32};
}

} // namespace gradloom::tests
