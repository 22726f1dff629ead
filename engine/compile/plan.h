#pragma once

#include "engine/ir/program.h"

#include <functional>
#include <string>

namespace gradloom::ir {
class Builder;
}

namespace gradloom::compile {

/// Where a value's bytes are: in which segment and at which byte offset.
struct Location
{
    ir::Segment segment = ir::Segment::Arena;
    int64_t offset = 0; ///< bytes, a multiple of 64 in the arena unless the value is part of another one
};

/// An immutable compiled step: the optimised program in the order in which it runs and the place of every value.
/// Independent of the device; backends choose kernels when they load it.
struct Plan
{
    ir::Program program;
    std::vector<Location> locations; ///< by value
    int64_t arenaBytes = 0;
    /// Updates that still have to be copied at the end of the step; the others were written in place.
    std::vector<ir::Update> copies;
    /// Operations whose result, which is in the arena, the devices that share the step add up (sum_over_devices).
    std::vector<size_t> sums;

    /// First operation, and the one behind the last, of a part of the step: up to and with a sum, the last part all
    /// behind the last sum.
    std::pair<size_t, size_t> part(size_t index) const
    {
        return {index == 0 ? 0 : sums[index - 1] + 1, index < sums.size() ? sums[index] + 1 : program.ops.size()};
    }
};

/// What the device that will run a plan can do and others need not.
struct PlanOptions
{
    bool convolutionStatistics = false; ///< conv2d takes the statistics of its result, see `fuseStatistics`
    /// Whether this conv2d_weights_gradient had better make the gradient of the input as well, see `joinGradients`;
    /// null for never.
    std::function<bool(const ir::Program& program, const ir::Op& op)> joinsGradients;
};

/// Optimises (dead code, folded scales, pooling and mask order, pointwise fusion) and places every value: liveness, in-place
/// pointwise operations, reshapes and packed gradients without copies, best fit by size for the rest.
Plan plan(ir::Program program, const PlanOptions& options = {});

/// For people: what was fused into an operation, for example "bias relu" or the functions of a pointwise chain; empty
/// for an operation that stands alone.
std::string fusionOf(const ir::Program& program, const ir::Op& op);

// The passes, in the order in which `plan` runs them; public for tests.

/// Gives gemm, convolution and batch normalisation the activation that follows them where nothing else reads what is
/// between. Before differentiation, so that the adjoints see the fused form; `plan` does it again for what
/// `foldScales` has left.
void fuseActivations(ir::Program& program);
/// Where a recurrent layer reads rows of a table by index (an Embedding), multiplies each row that occurs once and
/// gathers the products. Before differentiation, so that the gradients are added up for each row before they are
/// multiplied. Not across what a named output shows.
void multiplyUniqueRows(ir::Builder& builder);
/// Removes operations nobody reads.
void removeDeadCode(ir::Program& program);
/// Folds what scales and shifts each channel of a gemm's or a convolution's result, and is all that reads it, into the
/// weights and the bias: batch normalisation with its running statistics then costs no pass of its own. Only where
/// there are no more weights than results, since they are scaled at every step.
void foldScales(ir::Program& program);
/// Moves the gradient mask of a ReLU behind the max pooling that follows it: the mask is then applied to the pooled
/// gradient, which is smaller, and the unpooled activation need not be kept.
void sinkMasksBelowPooling(ir::Program& program);
/// Finds what a ReLU and the dropout behind it let through in the dropout's result: the gradient then draws no random
/// numbers, and what is between the two need not be kept.
void maskByDropout(ir::Program& program);
/// Tells products of listed rows (see the primitive "unique") how long the list is, so that they leave out the zeros
/// behind it.
void skipAbsentRows(ir::Program& program);
/// Lets the convolution take the mean and the variance of what it writes where batch normalisation would read all of it
/// once more for them. When the gradients are there.
void fuseStatistics(ir::Program& program);
/// Makes both gradients of a convolution in one operation where `joins` says so. When the gradients are there.
void joinGradients(
    ir::Program& program, const std::function<bool(const ir::Program& program, const ir::Op& op)>& joins);
/// Merges chains of unary and binary operations into "pointwise" operations.
void fusePointwise(ir::Program& program);
/// Gives a "pointwise" operation on gathered rows, whose results only replace these rows, the tables themselves: rows
/// are neither gathered nor put back in passes of their own.
void fuseRowUpdates(ir::Program& program);

} // namespace gradloom::compile
