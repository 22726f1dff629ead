#include "engine/train/update_rule.h"

#include <algorithm>

namespace gradloom::train {

namespace {

using ir::noValue;
using ir::ValueId;
using MaxNorm = LowerContext::MaxNorm;

/// Gradients gathered so far, each times what its batch counts, and the sum of what the batches count.
struct Gathered
{
    ValueId gradientSlot = noValue;
    ValueId weightSlot = noValue;
    ValueId gradients = noValue;
    ValueId weightSum = noValue;
};

/// The slots come first in every program, so that all of them agree on their places. `elements` are gathered.
Gathered gather(ir::Builder& b, int64_t elements, ValueId gradients, ValueId weightSum)
{
    Gathered result;
    result.gradients = result.gradientSlot = b.slot("gradients.sum", Shape{elements});
    result.weightSum = result.weightSlot = b.slot("gradients.weight", Shape{1});
    result.gradients = b.add(result.gradientSlot, b.mul(gradients, weightSum));
    result.weightSum = b.add(result.weightSlot, weightSum);
    return result;
}

void clear(ir::Builder& b, ValueId slot)
{
    b.update(slot, b.op("fill", {}, {{"shape", b.shape(slot).toVector()}, {"value", 0.0}}));
}

/// What makes the gradients of all parts together no longer than `limit`.
ValueId normShare(ir::Builder& b, const std::vector<WeightPart>& parts, double limit)
{
    ValueId sum = noValue;
    for (const WeightPart& part : parts) {
        const ValueId squares = b.reduceAll("sum", b.unary("square", part.gradients));
        sum = sum == noValue ? squares : b.add(sum, squares);
    }
    const ValueId share = b.scale(b.unary("reciprocal", b.offset(b.unary("sqrt", sum), 1e-6)), limit);
    return b.unary("minimum_scalar", share, 1.0);
}

/// Takes back the update of `target` and returns what it would have become.
ValueId takeUpdate(ir::Program& program, ValueId target)
{
    const auto it = std::find_if(program.updates.begin(), program.updates.end(),
        [&](const ir::Update& update) { return update.target == target; });
    if (it == program.updates.end())
        throw std::logic_error("the optimizer does not change the weights");
    const ValueId source = it->source;
    program.updates.erase(it);
    return source;
}

/// w with every column that is longer than `limit` shortened to it.
ValueId limitedColumns(ir::Builder& b, ValueId flat, const Shape& shape, double limit)
{
    const int64_t units = shape.rank() > 0 ? shape[-1] : 1;
    const Shape matrix{shape.elements() / units, units};
    const ValueId w = b.reshape(flat, matrix);
    const ValueId norms = b.unary("sqrt", b.reduce("sum", b.unary("square", w), {0}));
    const ValueId longest = b.unary("maximum_scalar", norms, limit);
    const ValueId share = b.scale(b.unary("reciprocal", longest), limit);
    return b.reshape(b.mul(w, share), Shape{shape.elements()});
}

/// The updated weights, which begin at `first` in the flat buffer, with the limits kept: put together from
/// slices, so that what reads the result (the update, the average) sees one value.
ValueId limited(ir::Builder& b, ValueId updated, int64_t first, std::vector<MaxNorm> limits)
{
    std::sort(limits.begin(), limits.end(), [&](const MaxNorm& x, const MaxNorm& y) {
        return b.program()[x.weight].offset < b.program()[y.weight].offset;
    });
    const int64_t total = b.shape(updated).elements();
    const auto slice = [&](int64_t first, int64_t count) {
        return b.op("slice", {updated},
            {{"start", std::vector<int64_t>{first}}, {"size", std::vector<int64_t>{count}}});
    };
    std::vector<ValueId> parts;
    int64_t done = 0;
    for (const MaxNorm& limit : limits) {
        const ir::Value weight = b.program()[limit.weight];
        const int64_t place = weight.offset - first;
        if (place > done)
            parts.push_back(slice(done, place - done));
        const int64_t count = weight.type.shape.elements();
        parts.push_back(limitedColumns(b, slice(place, count), weight.type.shape, limit.limit));
        done = place + count;
    }
    if (done < total)
        parts.push_back(slice(done, total - done));
    return parts.size() == 1 ? parts[0] : b.op("concat", parts, {{"axis", int64_t{0}}});
}

void emitAverage(ir::Builder& b, ValueId updated, ValueId step, double decay)
{
    const ValueId average = b.slot(averageSlot, b.shape(updated));
    const ValueId kept = b.scale(b.unary("step", b.offset(step, -1.5)), decay); // 0 at the first update
    b.update(average, b.add(updated, b.mul(b.sub(average, updated), kept)));
}

/// Updates of gathered rows become updates of the tables they are from.
void putBack(ir::Builder& b, const OptimizerContext::Rows& rows, size_t firstUpdate)
{
    for (size_t i = firstUpdate; i < b.program().updates.size(); ++i) {
        const ir::Update update = b.program().updates[i];
        const auto it = std::find_if(rows.gathered.begin(), rows.gathered.end(),
            [&](const auto& gathered) { return gathered.first == update.target; });
        if (it == rows.gathered.end())
            continue; // a numberSlot
        const ValueId table = it->second;
        const ValueId changed = b.op("pointwise_rows", {rows.rows, table, update.source},
            {{"results", int64_t{1}}, {"tables", int64_t{1}}});
        b.program().ops.back().code = {{{"copy", 1}}, {2}};
        b.program().updates[i] = {table, changed};
    }
}

/// Where the learning rate and the number of the step are.
struct StepInputs
{
    ValueId rate;
    ValueId step;
};

void emitPart(ir::Builder& b, const WeightPart& part, const UpdateRule& rule, const StepInputs& in)
{
    OptimizerContext context{
        b, rule.params, part.weights, part.gradients, in.rate, in.step, rule.slotPrefix, part.slotSuffix};
    if (part.rows == noValue)
        return rule.optimizer->update(context);
    const size_t firstUpdate = b.program().updates.size();
    OptimizerContext::Rows rows{part.rows, part.weights};
    context.weights = b.op("gather", {part.weights, part.rows}, {{"padding", int64_t{-1}}});
    rows.gathered.emplace_back(context.weights, part.weights);
    context.rows = &rows;
    rule.optimizer->update(context);
    putBack(b, rows, firstUpdate);
}

/// Limits on the length of columns and the average, on a part that is a vector.
void emitAfterwards(ir::Builder& b, const WeightPart& part, const UpdateRule& rule, ValueId step,
    const std::vector<MaxNorm>& limits)
{
    const int64_t first = b.program()[part.weights].offset;
    const int64_t end = first + b.shape(part.weights).elements();
    std::vector<MaxNorm> own;
    std::copy_if(limits.begin(), limits.end(), std::back_inserter(own), [&](const MaxNorm& limit) {
        const int64_t offset = b.program()[limit.weight].offset;
        return offset >= first && offset < end;
    });
    if (part.rows != noValue || (own.empty() && rule.emaDecay == 0))
        return;
    ValueId updated = takeUpdate(b.program(), part.weights);
    if (!own.empty())
        updated = limited(b, updated, first, std::move(own));
    if (rule.emaDecay > 0)
        emitAverage(b, updated, step, rule.emaDecay);
    b.update(part.weights, updated);
}

} // namespace

void emitAccumulation(ir::Builder& b, ValueId gradients, ValueId weightSum)
{
    const Gathered all = gather(b, b.shape(gradients).elements(), gradients, weightSum);
    b.update(all.gradientSlot, all.gradients);
    b.update(all.weightSlot, all.weightSum);
}

void emitUpdate(ir::Builder& b, std::vector<WeightPart> parts, ValueId weightSum, const UpdateRule& rule,
    const std::vector<MaxNorm>& limits)
{
    Gathered all;
    if (rule.accumulate) {
        WeightPart& whole = parts.front();
        all = gather(b, b.shape(whole.weights).elements(), whole.gradients, weightSum);
        whole.gradients = b.mul(all.gradients, b.unary("reciprocal", all.weightSum));
    }
    if (rule.clipValue > 0)
        for (WeightPart& part : parts)
            part.gradients = b.unary(
                "maximum_scalar", b.unary("minimum_scalar", part.gradients, rule.clipValue), -rule.clipValue);
    if (rule.clipNorm > 0) {
        const ValueId share = normShare(b, parts, rule.clipNorm);
        for (WeightPart& part : parts)
            part.gradients = b.mul(part.gradients, share);
    }
    const StepInputs in{
        b.input("learning_rate", {Shape{1}, DType::F32}), b.input("step", {Shape{1}, DType::F32})};
    for (const WeightPart& part : parts) {
        emitPart(b, part, rule, in);
        emitAfterwards(b, part, rule, in.step, limits);
    }
    if (rule.accumulate) { // last, when nothing reads them any more, so that the zeros go straight to their
                           // place
        clear(b, all.gradientSlot);
        clear(b, all.weightSlot);
    }
}

} // namespace gradloom::train
