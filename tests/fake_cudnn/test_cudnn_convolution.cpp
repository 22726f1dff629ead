#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/libraries.h"
#include "engine/backend/cuda/library.h"
#include "engine/base/philox.h"
#include "tests/fake_cudart/fake_cudart.h"
#include "tests/fake_cudnn/fake_cudnn.h"

#include <gtest/gtest.h>

namespace gradloom::cuda {

/// The library's, under the name that it has in tests; libraryConvolution() are their loops.
std::optional<Launch> cudnnConvolution(Preparation& preparation, const LibraryConvolution& convolution);

} // namespace gradloom::cuda

/// How convolutions are handed to cuDNN, and which of its algorithms is taken.
namespace gradloom::tests {
namespace {

using cuda::ConvolutionPass;

struct Use
{
    const char* name;
    cuda::WindowShape shape;
};

cuda::WindowShape shapeOf(int64_t kernel, int64_t stride, int64_t dilation, int64_t pad, int64_t groups)
{
    cuda::WindowShape s;
    s.n = 2;
    s.h = 7;
    s.w = 9;
    s.c = 4;
    s.k = 6;
    s.kh = kernel;
    s.kw = kernel - 1;
    s.strideH = stride;
    s.strideW = 1;
    s.dilationH = dilation;
    s.padTop = s.padBottom = pad;
    s.groups = groups;
    const auto extent = [](int64_t in, int64_t reach, int64_t padding, int64_t step) {
        return (in + 2 * padding - reach) / step + 1;
    };
    s.oh = extent(s.h, (s.kh - 1) * s.dilationH + 1, s.padTop, s.strideH);
    s.ow = extent(s.w, s.kw, 0, 1);
    return s;
}

std::vector<Use> uses()
{
    return {{"plain", shapeOf(3, 1, 1, 0, 1)}, {"padded", shapeOf(3, 1, 1, 1, 1)},
        {"strides", shapeOf(3, 2, 1, 1, 1)}, {"dilated", shapeOf(3, 1, 2, 1, 1)},
        {"groups", shapeOf(2, 1, 1, 0, 2)}};
}

class CudnnConvolutions : public testing::TestWithParam<Use>
{
protected:
    static constexpr auto onDevice = cuda::Block::Where::Device;

    CudnnConvolutions()
    {
        m_settings.libraries = &m_libraries;
        m_settings.precision = backend::Precision::Float32;
    }

    cudnnContext& dnn() { return *m_libraries.dnn(); }

    /// All three tensors, of random numbers.
    cuda::LibraryConvolution convolution(ConvolutionPass pass, cuda::Number number)
    {
        const cuda::WindowShape& s = GetParam().shape;
        cuda::LibraryConvolution c;
        c.pass = pass;
        c.shape = s;
        c.number = number;
        c.x = numbers(s.n * s.h * s.w * s.c, number);
        c.weights = numbers(s.k * s.kh * s.kw * s.c / s.groups, number);
        c.y = numbers(s.n * s.oh * s.ow * s.k, number);
        return c;
    }

    std::byte* numbers(int64_t count, cuda::Number number)
    {
        const auto bytes =
            static_cast<int64_t>(number == cuda::Number::F32 ? sizeof(float) : sizeof(cuda::Bf16));
        m_memory.emplace_back(onDevice, count * bytes);
        std::byte* at = m_memory.back().data();
        for (int64_t i = 0; i < count; ++i) {
            const float x = m_random.uniform(-1, 1);
            if (number == cuda::Number::F32)
                reinterpret_cast<float*>(at)[i] = x;
            else
                reinterpret_cast<cuda::Bf16*>(at)[i] = cuda::toBf16(x);
        }
        return at;
    }

    /// Makes it ready as a step does, first asking for sizes, and runs it.
    template <class Convolve>
    bool run(const cuda::LibraryConvolution& c, const Convolve& convolve)
    {
        cuda::StepMemory memory;
        cuda::Preparation sizes(m_plan, m_op, m_settings, memory);
        if (!convolve(sizes, c))
            return false;
        m_memory.emplace_back(onDevice, sizes.scratchBytes());
        memory.scratch = m_memory.back().data();
        cuda::Preparation preparation(m_plan, m_op, m_settings, memory);
        (*convolve(preparation, c))({m_stream.get()});
        cuda::check(cudaStreamSynchronize(m_stream.get()), "testing");
        return true;
    }

    /// What the pass makes, as bytes.
    std::span<const std::byte> resultOf(const cuda::LibraryConvolution& c) const
    {
        const void* made = c.pass == ConvolutionPass::Forward ? c.y
                           : c.pass == ConvolutionPass::Data  ? c.x
                                                              : c.weights;
        for (const cuda::Block& block : m_memory)
            if (block.data() == made)
                return {block.data(), static_cast<size_t>(block.bytes())};
        return {};
    }

    FreshCudart m_cudart;
    cuda::Stream m_stream = cuda::makeStream();
    cuda::Libraries m_libraries{80, m_stream.get()};
    cuda::Settings m_settings;
    Random m_random{6};
    std::vector<cuda::Block> m_memory;
    compile::Plan m_plan;
    ir::Op m_op;
};

TEST_P(CudnnConvolutions, GiveTheNumbersOfTheLoops)
{
    for (const auto number : {cuda::Number::F32, cuda::Number::Bf16})
        for (const auto pass : {ConvolutionPass::Forward, ConvolutionPass::Data, ConvolutionPass::Weights}) {
            const cuda::LibraryConvolution c = convolution(pass, number);
            ASSERT_TRUE(run(c, cuda::cudnnConvolution));
            const auto made = resultOf(c);
            const std::vector<std::byte> result(made.begin(), made.end());
            ASSERT_TRUE(run(c, cuda::libraryConvolution));
            EXPECT_TRUE(std::ranges::equal(result, resultOf(c))) << "pass " << static_cast<int>(pass);
        }
    EXPECT_TRUE(dnn().complaints.empty()) << dnn().complaints.front();
    EXPECT_EQ(dnn().convolutions, std::vector<int>(6, 1)) << "the fastest by measurement";
}

TEST_P(CudnnConvolutions, ChooseOnceForEachSize)
{
    const auto c = convolution(ConvolutionPass::Forward, cuda::Number::F32);
    run(c, cuda::cudnnConvolution);
    dnn().searchesFail = true;
    run(c, cuda::cudnnConvolution);
    EXPECT_EQ(dnn().convolutions, std::vector<int>(2, 1));
    EXPECT_EQ(m_libraries.algorithms().size(), 1u);
}

TEST_P(CudnnConvolutions, TakeEstimatesWhereASearchFindsNoMemory)
{
    dnn().searchesFail = true;
    run(convolution(ConvolutionPass::Data, cuda::Number::F32), cuda::cudnnConvolution);
    EXPECT_EQ(dnn().convolutions, std::vector<int>{1}) << "the first estimate";
}

TEST_P(CudnnConvolutions, KeepTheSameBitsWhereThatIsAskedFor)
{
    m_settings.deterministic = true;
    run(convolution(ConvolutionPass::Weights, cuda::Number::F32), cuda::cudnnConvolution);
    EXPECT_EQ(dnn().convolutions, std::vector<int>{0});
}

/// As far as the fast one gives the same bits, its workspace decides, and never how much memory is left.
TEST_P(CudnnConvolutions, GetTheSameWorkspaceInEveryNetworkWhereBitsShallBeTheSame)
{
    constexpr size_t counted = size_t{32} << 20;
    fakeCudart().memory = int64_t{1} << 30;
    auto c = convolution(ConvolutionPass::Forward, cuda::Number::F32);
    dnn().fastIsDeterministic = true;
    for (const size_t bytes : {counted, counted + 1})
        for (const bool deterministic : {true, false}) {
            dnn().fastWorkspace = bytes;
            m_settings.deterministic = deterministic;
            run(c, cuda::cudnnConvolution);
            if (!deterministic)
                --c.shape.n; // another convolution, whose workspace is not known yet
        }
    EXPECT_EQ(dnn().convolutions, (std::vector<int>{1, 1, 0, 1}));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, CudnnConvolutions, testing::ValuesIn(uses()), [](const auto& info) { return info.param.name; });

} // namespace
} // namespace gradloom::tests
