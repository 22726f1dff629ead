#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_graph.h"
#include "engine/backend/cuda/functors/portable.h"
#include "engine/ir/op_type.h"

namespace gradloom::cuda {

namespace {

/// What cuDNN normalises, of what group_norm does: all channels of a pixel together, or each by itself.
struct NormShape
{
    cudnnBackendNormMode_t mode = CUDNN_LAYER_NORM;
    int64_t samples = 0, channels = 0, spatial = 0;

    Extents key() const { return {samples, channels, spatial}; }
};

/// `statistics`: samples × groups. Groups of several channels are nothing that cuDNN has.
std::optional<NormShape> normShape(const Preparation& p, const Shape& statistics, cudnnBackendNormMode_t mode)
{
    const Shape& x = p.inShape(0);
    NormShape s;
    s.mode = mode;
    s.samples = statistics[0];
    s.channels = x[-1];
    s.spatial = x.elements() / s.samples / s.channels;
    const bool fits = mode == CUDNN_LAYER_NORM ? statistics[1] == 1 && s.spatial == 1
                                               : statistics[1] == s.channels && s.spatial > 1;
    return fits && p.has(1) ? std::optional(s) : std::nullopt;
}

/// Tensors of a normalisation, channels innermost in memory.
class NormTensors
{
public:
    NormTensors(GraphBuilder& builder, const NormShape& shape) : m_b(builder), m_s(shape) {}

    GraphTensor image() { return tensor(m_s.samples, m_s.channels, m_s.spatial); }
    GraphTensor parameters() { return tensor(1, m_s.channels, 1); }
    GraphTensor statistics()
    {
        return tensor(m_s.samples, m_s.mode == CUDNN_LAYER_NORM ? 1 : m_s.channels, 1);
    }

private:
    GraphTensor tensor(int64_t n, int64_t c, int64_t pixels)
    {
        return m_b.operand(CUDNN_DATA_FLOAT, {n, c, pixels, 1}, {pixels * c, 1, c, c});
    }

    GraphBuilder& m_b;
    const NormShape& m_s;
};

/// Operands: x, gamma, beta, y, mean, 1/√(variance+epsilon).
std::shared_ptr<const CompiledGraph> forwardGraph(cudnnHandle_t dnn, const NormShape& s, float epsilon)
{
    GraphBuilder b(dnn);
    NormTensors t(b, s);
    const GraphTensor x = t.image();
    const GraphTensor gamma = t.parameters();
    const GraphTensor beta = t.parameters();
    const GraphTensor y = t.image();
    const GraphTensor mean = t.statistics();
    const GraphTensor rstd = t.statistics();
    b.add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, s.mode)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_NORM_FWD_TRAINING)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, gamma.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, beta.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, b.number(epsilon).descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, mean.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, rstd.descriptor));
    return b.compile(workspaceLimit);
}

/// Operands: x, gamma, mean, 1/√(variance+epsilon), dy, dx, dgamma, dbeta.
std::shared_ptr<const CompiledGraph> backwardGraph(cudnnHandle_t dnn, const NormShape& s)
{
    GraphBuilder b(dnn);
    NormTensors t(b, s);
    const GraphTensor x = t.image();
    const GraphTensor gamma = t.parameters();
    const GraphTensor mean = t.statistics();
    const GraphTensor rstd = t.statistics();
    const GraphTensor dy = t.image();
    const GraphTensor dx = t.image();
    const GraphTensor dgamma = t.parameters();
    const GraphTensor dbeta = t.parameters();
    b.add(DescriptorBuilder(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_MODE, s.mode)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, x.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, gamma.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, mean.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, rstd.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, dy.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, dx.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, dgamma.descriptor)
              .set(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, dbeta.descriptor));
    return b.compile(workspaceLimit);
}

/// The first `operands` of the operation and its three results, of which the first may overwrite operand
/// `overwritten`: cuDNN is not known to work in place.
void addGraph(Preparation& p, std::shared_ptr<const CompiledGraph> graph, size_t operands, size_t overwritten)
{
    AlignedMemory memory(p);
    std::vector<void*> addresses;
    for (size_t i = 0; i < operands; ++i)
        addresses.push_back(const_cast<float*>(memory.in(i)));
    addresses.push_back(p.out(0) == p.in(overwritten) ? memory.apart(0) : memory.out(0));
    for (const size_t result : {1, 2})
        addresses.push_back(memory.out(result));
    auto* workspace = p.scratch<std::byte>(graph->workspaceBytes());
    p.launch(CompiledGraph::launch(std::move(graph), std::move(addresses), workspace));
    memory.finish();
}

/// Either direction, with the graphs that were compiled for it.
struct CudnnNorm
{
    cudnnBackendNormMode_t mode;
    std::shared_ptr<GraphCache> forward = std::make_shared<GraphCache>();
    std::shared_ptr<GraphCache> backward = std::make_shared<GraphCache>();

    bool operator()(Preparation& p) const
    {
        return p.op.type->id == "group_norm" ? addForward(p) : addBackward(p);
    }

    bool addForward(Preparation& p) const
    {
        const auto s = normShape(p, p.outShape(1), mode);
        if (!s || !p.has(2))
            return false;
        const auto epsilon = static_cast<float>(p.op.attributes.real("epsilon"));
        Extents key = s->key();
        key.push_back(bitsOf(epsilon));
        const auto graph =
            forward->find(key, [&] { return forwardGraph(p.settings.alternatives->dnn, *s, epsilon); });
        addGraph(p, graph, 3, 0);
        return true;
    }

    bool addBackward(Preparation& p) const
    {
        const auto s = normShape(p, p.inShape(2), mode);
        if (!s)
            return false;
        const auto graph =
            backward->find(s->key(), [&] { return backwardGraph(p.settings.alternatives->dnn, *s); });
        addGraph(p, graph, 5, 4);
        return true;
    }
};

} // namespace

/// In training both directions are tried together: the adjoint with the statistics of its x.
Candidates cudnn_group_norm()
{
    Candidates all;
    for (const auto& [name, mode] : {std::pair("cuDNN layer norm", CUDNN_LAYER_NORM),
             std::pair("cuDNN instance norm", CUDNN_INSTANCE_NORM)}) {
        const CudnnNorm prepare{mode};
        all.push_back({name, "group_norm", prepare, Candidate::Adjoint{"group_norm_backward", 2, 1}});
        all.push_back({name, "group_norm", prepare});
    }
    return all;
}

} // namespace gradloom::cuda
