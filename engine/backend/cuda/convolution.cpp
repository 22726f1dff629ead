#include "engine/backend/cuda/functors/reduce.h"
#include "engine/backend/cuda/op_parts.h"

/// From the convolution of the IR to that of cuDNN: asymmetric padding is put around the image, weights are
/// turned to cuDNN's order, numbers to the format that is computed in.
namespace gradloom::cuda {

namespace {

bool isPadSymmetric(const WindowShape& s)
{
    return s.padTop == s.padBottom && s.padLeft == s.padRight;
}

/// The same convolution over the padded image.
WindowShape padded(const WindowShape& s)
{
    WindowShape image = s;
    if (isPadSymmetric(s))
        return image;
    image.h += s.padTop + s.padBottom;
    image.w += s.padLeft + s.padRight;
    image.padTop = image.padLeft = image.padBottom = image.padRight = 0;
    return image;
}

int64_t weightRows(const WindowShape& s)
{
    return s.kh * s.kw * (s.c / s.groups);
}

/// How the own kernel sums up the gradient of the weights: in so many parts, which are added up then.
struct DirectParts
{
    int64_t tiles, parts, size;

    explicit DirectParts(const WindowShape& s)
        : tiles(weightRows(s) * ColumnTile::count(s.k)), parts(reductionParts(s.n * s.oh * s.ow, tiles)),
          size(weightRows(s) * s.k)
    {
    }
    /// Memory for the parts; null where there is one only.
    float* memory(Preparation& p) const { return parts > 1 ? p.scratch(parts * size) : nullptr; }
};

void addDirect(Preparation& p, const ConvolutionCall& call, float* partials)
{
    const WindowShape& s = call.shape;
    if (call.pass == ConvolutionPass::Forward)
        return p.each(s.n * s.oh * s.ow * s.k,
            DirectConvolution{s, call.x, call.weights, call.bias, call.relu, call.y});
    if (call.pass == ConvolutionPass::Data)
        return p.each(s.n * s.h * s.w * s.c,
            DirectConvolutionData{s, call.y, call.weights, call.bias, call.relu, call.x});
    const DirectParts d(s);
    float* to = d.parts > 1 ? partials : call.weights;
    p.teams(d.parts * d.tiles, DirectConvolutionWeights{s, d.parts, call.x, call.y, to}, teamForTile(1));
    if (d.parts > 1)
        p.teams(d.size, ReduceFinish{to, call.weights, d.size, d.parts, false, 1}, {});
}

/// A convolution by cuDNN in number format T: collects launches first, because there may be no algorithm.
template <class T>
class LibraryCall
{
public:
    LibraryCall(Preparation& preparation, const ConvolutionCall& call)
        : m_p(preparation), m_call(call), m_inner(padded(call.shape))
    {
    }

    bool add()
    {
        LibraryConvolution c;
        c.pass = m_call.pass;
        c.shape = m_inner;
        c.number = isFloat ? Number::F32 : Number::Bf16;
        const int64_t image = m_inner.n * m_inner.h * m_inner.w * m_inner.c;
        const int64_t result = m_inner.n * m_inner.oh * m_inner.ow * m_inner.k;
        // cuDNN reads and writes whole vectors; a tensor that is part of another one may begin anywhere.
        const bool ownImage = !isFloat || !isPadSymmetric(m_call.shape) || !isAligned(m_call.x);
        m_ownResult = !isFloat || !isAligned(m_call.y);
        c.x = ownImage ? m_p.scratch<T>(image) : reinterpret_cast<T*>(m_call.x);
        c.y = m_ownResult ? m_p.scratch<T>(result) : reinterpret_cast<T*>(m_call.y);
        c.weights = m_p.scratch<T>(weightRows(m_inner) * m_inner.k);
        auto launch = libraryConvolution(m_p, c);
        if (!launch)
            return false;
        readOperands(c, ownImage, result);
        m_p.launch(std::move(*launch));
        writeResult(c, ownImage, result);
        return true;
    }

private:
    static constexpr bool isFloat = std::is_same_v<T, float>;

    /// The image within what cuDNN gets, which may be padded already.
    ImageFrame frame() const
    {
        const WindowShape& s = m_call.shape;
        return {s.h, s.w, s.c, m_inner.h == s.h ? 0 : s.padTop, m_inner.w == s.w ? 0 : s.padLeft, m_inner.h,
            m_inner.w};
    }

    void readOperands(const LibraryConvolution& c, bool ownImage, int64_t result)
    {
        const WindowShape& s = m_call.shape;
        if (c.pass != ConvolutionPass::Data && ownImage) {
            const PadImage<T> pad{m_call.x, static_cast<T*>(c.x), frame()};
            m_p.each(m_inner.n * m_inner.h * m_inner.w * m_inner.c, pad);
        }
        if (c.pass != ConvolutionPass::Weights)
            m_p.each(weightRows(s) * s.k,
                ConvertTransposed<float, T>{m_call.weights, static_cast<T*>(c.weights), weightRows(s), s.k});
        if (m_ownResult && c.pass != ConvolutionPass::Forward)
            m_p.each(result, Convert<float, T>{m_call.y, static_cast<T*>(c.y)});
    }

    void writeResult(const LibraryConvolution& c, bool ownImage, int64_t result)
    {
        const WindowShape& s = m_call.shape;
        if (c.pass == ConvolutionPass::Weights) {
            m_p.each(weightRows(s) * s.k, ConvertTransposed<T, float>{static_cast<const T*>(c.weights),
                                              m_call.weights, s.k, weightRows(s)});
            return;
        }
        const bool forward = c.pass == ConvolutionPass::Forward;
        if (!forward && ownImage) {
            const CropImage<T> crop{static_cast<const T*>(c.x), m_call.x, frame()};
            m_p.each(s.n * s.h * s.w * s.c, crop);
        }
        if (m_ownResult && forward)
            m_p.each(result, Convert<T, float>{static_cast<const T*>(c.y), m_call.y});
        if (m_call.bias == nullptr && !m_call.relu)
            return;
        float* target = forward ? m_call.y : m_call.x;
        const int64_t count = forward ? result : s.n * s.h * s.w * s.c;
        const int64_t columns = forward ? s.k : s.c;
        if (fitsFour(columns, {target}))
            m_p.each(count / 4, BiasActivation<4>{target, m_call.bias, target, columns, m_call.relu});
        else
            m_p.each(count, BiasActivation<1>{target, m_call.bias, target, columns, m_call.relu});
    }

    Preparation& m_p;
    const ConvolutionCall& m_call;
    const WindowShape m_inner;
    bool m_ownResult = false;
};

} // namespace

void addConvolution(Preparation& p, const ConvolutionCall& call)
{
    // With one channel a group there is no product that tensor cores could compute.
    const bool depthwise = call.shape.groups > 1 && call.shape.groups == call.shape.c;
    // Taken in any case: how much memory suffices is known before it is known what cuDNN can do.
    float* partials = call.pass == ConvolutionPass::Weights ? DirectParts(call.shape).memory(p) : nullptr;
    if (depthwise)
        return addDirect(p, call, partials);
    const bool done = p.settings.precision == backend::Precision::Bf16 ? LibraryCall<Bf16>(p, call).add()
                                                                       : LibraryCall<float>(p, call).add();
    if (!done)
        return addDirect(p, call, partials);
    p.kernel = "cuDNN convolution";
}

} // namespace gradloom::cuda
