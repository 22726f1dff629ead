#pragma once

#include "engine/base/registry.h"
#include "engine/ir/program.h"

#include <functional>
#include <span>

namespace gradloom::ir {

class Builder;

using Types = std::vector<TensorType>;

/// A primitive operation as data: what its results look like, how it is differentiated, what it costs.
/// One file in engine/ir/ops returns one of these; each backend implements it in one file of its own.
struct OpType
{
    std::string id;
    std::string help; ///< one line: operands, results, options, meaning
    /// Types of the results from the types of the operands (an absent one has rank 0 and dtype F32).
    std::function<Result<Types>(std::span<const TensorType> inputs, const Params& attributes)> infer;
    /// Emits the adjoint: given the gradient of every result (noValue where it is zero), returns the gradient of
    /// every operand (noValue for one that has none). Null for operations that are not differentiated.
    /// `wanted[i]` says whether the gradient of operand i is needed at all.
    std::function<std::vector<ValueId>(
        Builder& builder, const Op& op, std::span<const ValueId> gradients, const std::vector<bool>& wanted)>
        adjoint;
    /// Floating point operations; null means one per element of the first result.
    std::function<int64_t(std::span<const TensorType> inputs, std::span<const TensorType> outputs, const Params&)> flops;
    /// Bytes that must be moved to or from memory; null means every operand read and every result written once.
    std::function<int64_t(std::span<const TensorType> inputs, std::span<const TensorType> outputs)> bytes;
    /// The first result is the first operand's memory under another shape.
    bool alias = false;
    /// Every result element depends on the same element of each operand only, so results may overwrite operands.
    bool elementwise = false;
    /// The operand whose memory the first result may overwrite, -1 for none; see also `elementwise`.
    int inPlace = -1;
    bool inPlaceEach = false; ///< and result r the memory of operand inPlace + r

    /// Whether result `result` may be written to the memory of operand `operand`.
    bool mayOverwrite(size_t operand, size_t result) const
    {
        if (elementwise)
            return true;
        return inPlace >= 0 && (result == 0 || inPlaceEach) && operand == static_cast<size_t>(inPlace) + result;
    }
};

const Registry<OpType>& opTypes();

/// Operations of one op in `program` by its type's rule.
int64_t flopsOf(const Program& program, const Op& op);
int64_t bytesOf(const Program& program, const Op& op);

} // namespace gradloom::ir
