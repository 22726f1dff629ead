#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_recurrent.h"
#include "engine/backend/cuda/library.h"
#include "engine/ir/recurrent.h"

namespace gradloom::cuda {

namespace {

/// Places of optional operands in the primitive or in its adjoint; see engine/ir/recurrent.h.
struct RnnOperands
{
    size_t h0, mask, dropout, c0;
};
constexpr RnnOperands ofForward{4, 5, 6, 7};
constexpr RnnOperands ofBackward{3, 4, 5, 6};

/// Nothing where cuDNN has no such layer: it has no mask within a sequence, drops out between layers only,
/// and goes backward in time only beside a forward direction.
std::shared_ptr<const CudnnRecurrent> describeRnn(const Preparation& p, const RnnOperands& at, bool training)
{
    CudnnRecurrentShape s;
    const std::string& id = p.op.type->id;
    if (id.starts_with("lstm"))
        s.cell = CUDNN_LSTM;
    else if (id.starts_with("gru"))
        s.cell = CUDNN_GRU;
    else
        s.cell = p.op.attributes.text("activation") == "relu" ? CUDNN_RNN_RELU : CUDNN_RNN_TANH;
    s.sequences = p.inShape(0)[0];
    s.steps = p.inShape(0)[1];
    s.features = p.inShape(0)[2];
    s.units = p.inShape(2)[0];
    s.strict = p.settings.precision == backend::Precision::Float32;
    const ImageExtents largest{s.sequences, s.steps, s.gates(), std::max(s.features, s.units)};
    if (!p.has(1) || p.has(at.mask) || p.has(at.dropout) || p.op.attributes.flag("reverse") || !largest.fit())
        return nullptr;
    return std::make_shared<const CudnnRecurrent>(p.settings.alternatives->dnn, s, training);
}

int64_t roundedUp(size_t bytes)
{
    return (static_cast<int64_t>(bytes) + 255) / 256 * 256;
}

/// What forward notes for its adjoint: the weights as cuDNN has them, then its reserve.
std::byte* notesOf(Preparation& p, const CudnnRecurrent& rnn)
{
    return p.kept(roundedUp(rnn.weightBytes()) + roundedUp(rnn.reserveBytes()));
}

bool addRnnForward(Preparation& p, bool training)
{
    const auto rnn = describeRnn(p, ofForward, training);
    if (!rnn)
        return false;
    const bool cell = rnn->shape().cell == CUDNN_LSTM;
    std::byte* weights =
        training ? notesOf(p, *rnn) : p.scratch<std::byte>(static_cast<int64_t>(rnn->weightBytes()));
    std::byte* reserve = training ? weights + roundedUp(rnn->weightBytes()) : nullptr;
    std::byte* work = p.scratch<std::byte>(static_cast<int64_t>(rnn->workBytes()));
    AlignedMemory memory(p);
    const float* x = memory.in(0);
    const float* h0 = memory.in(ofForward.h0);
    const float* c0 = cell ? memory.in(ofForward.c0) : nullptr;
    float* y = memory.out(0);
    float* lastH = memory.out(1);
    float* lastC = cell ? memory.out(2) : nullptr;
    if (!p.has(3))
        p.launch([=, bytes = static_cast<int64_t>(rnn->weightBytes())](
                     const Context& context) { zeroBytes(context, weights, bytes); });
    rnn->addPacking(p, {p.operand(1), p.operand(2), p.operand(3)}, weights);
    p.launch([=](const Context&) {
        check(cudnnRNNForward(rnn->dnn(), rnn->layer(),
                  training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, nullptr, rnn->x(), x,
                  rnn->y(), y, rnn->state(), h0, lastH, rnn->state(), c0, lastC, rnn->weightBytes(), weights,
                  rnn->workBytes(), work, rnn->reserveBytes(), reserve),
            "computing a recurrent layer");
    });
    memory.finish();
    return true;
}

/// The gradient of all states, which cuDNN asks for even where there is none.
const float* gradientOfStates(Preparation& p, AlignedMemory& memory)
{
    if (p.has(9))
        return memory.in(9);
    const int64_t count = p.inShape(7).elements();
    float* zeros = p.scratch(count);
    p.launch([=](const Context& context) { zeroBytes(context, zeros, count * 4); });
    return zeros;
}

bool addRnnBackward(Preparation& p)
{
    const auto rnn = describeRnn(p, ofBackward, true);
    if (!rnn)
        return false;
    const bool cell = rnn->shape().cell == CUDNN_LSTM;
    const std::byte* weights = notesOf(p, *rnn);
    auto* reserve = const_cast<std::byte*>(weights) + roundedUp(rnn->weightBytes());
    const auto weightBytes = static_cast<int64_t>(rnn->weightBytes());
    auto* gradients = p.scratch<std::byte>(weightBytes);
    auto* work = p.scratch<std::byte>(static_cast<int64_t>(rnn->workBytes()));
    AlignedMemory memory(p);
    const float* x = memory.in(0);
    const float* h0 = memory.in(ofBackward.h0);
    const float* c0 = cell ? memory.in(ofBackward.c0) : nullptr;
    const float* y = memory.in(7);
    const float* dy = gradientOfStates(p, memory);
    const float* dLastH = memory.in(10);
    const float* dLastC = cell ? memory.in(11) : nullptr;
    const ir::RecurrentGradientPlaces place(cell, true);
    float* dh0 = memory.out(place.state);
    float* dc0 = cell ? memory.out(place.cellState) : nullptr;
    float* dx =
        p.op.attributes.flag("input_gradient") ? memory.out(place.x) : p.scratch(p.inShape(0).elements());
    p.launch([=](const Context&) {
        check(cudnnRNNBackwardData_v8(rnn->dnn(), rnn->layer(), nullptr, rnn->y(), y, dy, rnn->x(), dx,
                  rnn->state(), h0, dLastH, dh0, rnn->state(), c0, dLastC, dc0, rnn->weightBytes(), weights,
                  rnn->workBytes(), work, rnn->reserveBytes(), reserve),
            "computing a recurrent layer's gradient");
    });
    p.launch([=](const Context& context) { zeroBytes(context, gradients, weightBytes); });
    p.launch([=](const Context&) {
        check(cudnnRNNBackwardWeights_v8(rnn->dnn(), rnn->layer(), CUDNN_WGRAD_MODE_ADD, nullptr, rnn->x(), x,
                  rnn->state(), h0, rnn->y(), y, rnn->weightBytes(), gradients, rnn->workBytes(), work,
                  rnn->reserveBytes(), reserve),
            "computing a recurrent layer's gradient");
    });
    rnn->addUnpacking(p, gradients, {p.out(place.weights), p.out(place.recurrentWeights), p.out(place.bias)});
    memory.finish();
    return true;
}

/// In training cuDNN notes for its adjoint what the own kernels do not know: both are its or neither.
Candidate rnnInTraining(const std::string& op)
{
    return {"cuDNN RNN", op,
        [op](Preparation& p) { return p.op.type->id == op ? addRnnForward(p, true) : addRnnBackward(p); },
        Candidate::Adjoint{op + "_backward", 7, 0}, true};
}

/// Outside training nobody reads what the primitive notes.
Candidate rnnInUse(const std::string& op)
{
    return {"cuDNN RNN", op,
        [notes = op != "rnn"](Preparation& p) {
            return !(notes && p.isRead(p.op.outputs.size() - 1)) && addRnnForward(p, false);
        },
        std::nullopt, true};
}

} // namespace

Candidates cudnn_rnn()
{
    Candidates candidates;
    for (const char* op : {"rnn", "lstm", "gru"}) {
        candidates.push_back(rnnInTraining(op));
        candidates.push_back(rnnInUse(op));
    }
    return candidates;
}

} // namespace gradloom::cuda
