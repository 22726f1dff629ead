#pragma once

#include "engine/backend/cuda/functors/attention.h"
#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/functors/norm.h"
#include "engine/backend/cuda/functors/pointwise.h"
#include "engine/backend/cuda/functors/random.h"
#include "engine/backend/cuda/functors/recurrent.h"
#include "engine/backend/cuda/functors/reduce.h"
#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/functors/window.h"

// All functors that are launched; each launcher (GPU, tests) is instantiated for them once.

#define GRADLOOM_ELEMENT_FUNCTORS(X)                                                                         \
    X(PointwiseGroups<1>)                                                                                    \
    X(PointwiseGroups<4>)                                                                                    \
    X(LongPointwiseGroups<1>)                                                                                \
    X(LongPointwiseGroups<4>)                                                                                \
    X(PointwiseRows)                                                                                         \
    X(Dropout)                                                                                               \
    X(RandomUniform)                                                                                         \
    X(RandomNormal)                                                                                          \
    X(Fill)                                                                                                  \
    X(StridedCopy)                                                                                           \
    X(BiasActivation<1>)                                                                                     \
    X(BiasActivation<4>)                                                                                     \
    X(CopyFloat)                                                                                             \
    X(FloatToBf16)                                                                                           \
    X(Bf16ToFloat)                                                                                           \
    X(TransposeFloat)                                                                                        \
    X(TransposeToBf16)                                                                                       \
    X(TransposeFromBf16)                                                                                     \
    X(PadImage<float>)                                                                                       \
    X(PadImage<Bf16>)                                                                                        \
    X(CropImage<float>)                                                                                      \
    X(CropImage<Bf16>)                                                                                       \
    X(Sinusoid)                                                                                              \
    X(CrossEntropyGradient)                                                                                  \
    X(OneHot)                                                                                                \
    X(Gather)                                                                                                \
    X(BatchNormApply<1>)                                                                                     \
    X(BatchNormApply<4>)                                                                                     \
    X(BatchNormGradientApply<1>)                                                                             \
    X(BatchNormGradientApply<4>)                                                                             \
    X(MaxPool<uint8_t>)                                                                                      \
    X(MaxPool<int32_t>)                                                                                      \
    X(MaxPoolGradient<uint8_t>)                                                                              \
    X(MaxPoolGradient<int32_t>)                                                                              \
    X(AveragePool)                                                                                           \
    X(AveragePoolGradient)                                                                                   \
    X(Resize)                                                                                                \
    X(ResizeGradient)                                                                                        \
    X(Augment)                                                                                               \
    X(DirectConvolution)                                                                                     \
    X(DirectConvolutionData)                                                                                 \
    X(RecurrentStart)                                                                                        \
    X(RecurrentStep)                                                                                         \
    X(RecurrentOperands)                                                                                     \
    X(RecurrentStepBackward)                                                                                 \
    X(RecurrentFinishBackward)                                                                               \
    X(AttentionProducts)                                                                                     \
    X(AttentionScoreGradient)

#define GRADLOOM_TEAM_FUNCTORS(X)                                                                            \
    X(Softmax)                                                                                               \
    X(SoftmaxGradient)                                                                                       \
    X(CrossEntropy)                                                                                          \
    X(Argmax)                                                                                                \
    X(TopK)                                                                                                  \
    X(GatherGradient)                                                                                        \
    X(GatherFirsts)                                                                                          \
    X(UniquePlaces)                                                                                          \
    X(GatherRowsGradient)                                                                                    \
    X(ReduceRows)                                                                                            \
    X(ReduceColumns)                                                                                         \
    X(ReduceFinish)                                                                                          \
    X(BatchNormStatistics)                                                                                   \
    X(BatchNormGradientFinish)                                                                               \
    X(BatchNormMoments)                                                                                      \
    X(BatchNormGradientSums)                                                                                 \
    X(GroupNorm)                                                                                             \
    X(GroupNormParameterGradient)                                                                            \
    X(GroupNormGradient)                                                                                     \
    X(DirectConvolutionWeights)                                                                              \
    X(RecurrentSequence)                                                                                     \
    X(RecurrentSequenceBackward)                                                                             \
    X(Attention)                                                                                             \
    X(AttentionProbabilities)                                                                                \
    X(AttentionQueryGradient)                                                                                \
    X(AttentionKeyGradient)
