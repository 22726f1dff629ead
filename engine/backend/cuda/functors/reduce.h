#pragma once

#include "engine/backend/cuda/functors/portable.h"

/// Sums, means and maxima over [outer, reduce, inner] along the middle. The middle is cut into `parts`, whose
/// results are joined by a second pass in a fixed order.
namespace gradloom::cuda {

struct Reduction
{
    const float* x = nullptr;
    float* y = nullptr; ///< [parts, outer, inner]
    int64_t outer = 1, reduce = 1, inner = 1;
    int64_t parts = 1;
    bool max = false;
    float scale = 1; ///< of sums

    GRADLOOM_DEVICE float start() const { return max ? -INFINITY : 0.0F; }
    GRADLOOM_DEVICE float join(float a, float b) const { return max ? larger(a, b) : a + b; }
};

/// inner == 1: teams by part and outer.
struct ReduceRows
{
    Reduction r;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const Division at = divide(index, r.outer);
        const float* x = r.x + at.rest * r.reduce;
        const int64_t end = partBegin(r.reduce, r.parts, at.quotient + 1);
        float value = r.start();
        for (int64_t i = partBegin(r.reduce, r.parts, at.quotient) + team.rank(); i < end; i += team.size())
            value = r.join(value, x[i]);
        value = r.max ? team.max(value) : team.sum(value);
        if (team.rank() == 0)
            r.y[index] = r.max ? value : value * r.scale;
    }
};

/// Any inner: teams by part, outer and tile of columns. `shared`: a float a thread.
struct ReduceColumns
{
    Reduction r;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const ColumnTile tile(team);
        const int64_t tileCount = ColumnTile::count(r.inner);
        const Division byTile = divide(index, tileCount);
        const Division byOuter = divide(byTile.quotient, r.outer);
        const int64_t begin = partBegin(r.reduce, r.parts, byOuter.quotient);
        const int64_t end = partBegin(r.reduce, r.parts, byOuter.quotient + 1);
        for (int c = tile.column; c < ColumnTile::width; c += tile.columns) {
            const int64_t column = byTile.rest * ColumnTile::width + c;
            float value = r.start();
            if (column < r.inner)
                for (int64_t i = begin + tile.row; i < end; i += tile.rows)
                    value = r.join(value, r.x[(byOuter.rest * r.reduce + i) * r.inner + column]);
            team.shared[team.rank()] = value;
            team.sync();
            if (tile.row == 0 && column < r.inner) {
                for (int row = 1; row < tile.rows; ++row)
                    value = r.join(value, team.shared[row * tile.columns + tile.column]);
                r.y[byTile.quotient * r.inner + column] = r.max ? value : value * r.scale;
            }
            team.sync();
        }
    }
};

/// Joins the parts; teams by elements of the result.
struct ReduceFinish
{
    const float* partials = nullptr;
    float* y = nullptr;
    int64_t size = 0;
    int64_t parts = 1;
    bool max = false;
    float scale = 1;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t i) const
    {
        float value = max ? -INFINITY : 0.0F;
        for (int64_t part = team.rank(); part < parts; part += team.size()) {
            const float other = partials[part * size + i];
            value = max ? larger(value, other) : value + other;
        }
        value = max ? team.max(value) : team.sum(value) * scale;
        if (team.rank() == 0)
            y[i] = value;
    }
};

} // namespace gradloom::cuda
