#pragma once

// The CPU kernels of Gradloom: plain functions on float pointers, no tensors, no threads, no allocation.
//
//   simd.h        which instruction set is in use, forcing one for tests, denormals off
//   gemm.h        packed matrix product with bias and activation (Dense, attention, recurrent layers)
//   conv.h        2-D convolution: forward, data gradient (= transposed convolution), weight gradient
//   winograd.h    convolution with 3 x 3 kernels by Winograd's algorithm, chosen in ConvShape
//   depthwise.h   convolution with one input channel a group
//   pool.h        max and average pooling with their gradients
//   resize.h      nearest and bilinear change of height and width, with its gradient
//   pointwise.h   programs of elementwise instructions (activations, optimizer updates, masks)
//   reduce.h      sum, mean, max over one axis of [outer, reduce, inner]
//   softmax.h     softmax, cross-entropy on integer labels, argmax, number of correct rows
//   batch_norm.h  statistics, normalisation and gradient of batch normalisation
//   group_norm.h  layer, group and instance normalisation with their gradient
//   attention.h   scaled dot-product attention with its gradient
//   gather.h      rows of a table by index
//   recurrent.h   simple recurrent, LSTM and GRU layers over whole sequences
//   random.h      counter-based random numbers: dropout, uniform and normal fill
//
// Conventions that hold for all of them:
// - Tensors are dense NHWC float32, convolution weights HWIO = [kh, kw, c / groups, k], dense weights
//   [in, out]. Sizes are counted in elements, never in bytes. Buffers may have any float alignment;
//   64 bytes is fastest.
// - Work is divided into units numbered 0 .. xxxUnits(shape) - 1. A call xxx(shape, args, begin, end)
//   executes the units [begin, end) serially. Different units write different memory and may run on
//   different threads at once; within one call no other thread is started.
// - The bits of the result depend on the arguments only, not on how units are divided into calls. Where
//   partial results are needed, a split computed from the shape (and for convolution weights from the
//   number of threads) fixes their number, and a second pass combines them in a fixed order.
// - Scratch memory is the caller's: xxxScratch(shape) says how many floats one concurrent call needs.
//   Scratch and outputs may hold anything before, NaN included.
// - Packed operands are laid out for the instruction set in use; they are no file format.
// - Sizes are trusted: the shape rules above the kernels have checked them. A size may be 0 for rows and
//   batch, where the kernel then does nothing.

#include "attention.h"
#include "batch_norm.h"
#include "conv.h"
#include "depthwise.h"
#include "gather.h"
#include "gemm.h"
#include "group_norm.h"
#include "pointwise.h"
#include "pool.h"
#include "random.h"
#include "recurrent.h"
#include "reduce.h"
#include "resize.h"
#include "simd.h"
#include "softmax.h"
#include "winograd.h"
