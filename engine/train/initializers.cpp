#include "engine/base/philox.h"
#include "engine/train/model.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace gradloom::train {

namespace {

/// FNV-1a of the weight's name: its own stream of random numbers, so that another layer in the drawing
/// changes nothing for the layers that were there.
uint64_t streamOf(std::string_view name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : name)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

void fillUniform(std::span<float> values, Random& random, double limit)
{
    for (float& value : values)
        value = random.uniform(static_cast<float>(-limit), static_cast<float>(limit));
}

void fillNormal(std::span<float> values, Random& random, double deviation)
{
    for (float& value : values)
        value = static_cast<float>(deviation) * random.normal();
}

/// Rows or columns (whichever are fewer) are orthonormal; the last dimension is the column.
void fillOrthogonal(std::span<float> values, Random& random, int64_t columns)
{
    const auto cols = static_cast<Eigen::Index>(columns);
    const auto rows = static_cast<Eigen::Index>(values.size()) / cols;
    const Eigen::Index tall = std::max(rows, cols);
    const Eigen::Index thin = std::min(rows, cols);
    Eigen::MatrixXd normal(tall, thin);
    for (Eigen::Index r = 0; r < tall; ++r)
        for (Eigen::Index c = 0; c < thin; ++c)
            normal(r, c) = random.normal();
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(normal);
    Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(tall, thin);
    // Without the signs of R's diagonal the result would not be uniform among the orthogonal matrices
    // (Mezzadri 2007).
    for (Eigen::Index c = 0; c < thin; ++c)
        if (qr.matrixQR()(c, c) < 0)
            q.col(c) *= -1;
    for (Eigen::Index r = 0; r < rows; ++r)
        for (Eigen::Index c = 0; c < cols; ++c)
            values[static_cast<size_t>(r * cols + c)] = static_cast<float>(rows >= cols ? q(r, c) : q(c, r));
}

void fillWeight(Tensor& tensor, const ir::Initializer& initializer, Random random)
{
    const auto fanIn = static_cast<double>(std::max<int64_t>(initializer.fanIn, 1));
    const auto fanOut = static_cast<double>(std::max<int64_t>(initializer.fanOut, 1));
    const auto values = tensor.floats();
    const std::string& kind = initializer.kind;
    if (kind == "ones")
        std::fill(values.begin(), values.end(), 1.0f);
    else if (kind == "forget_gate_ones")
        std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(values.size() / 4), values.size() / 4, 1.0f);
    else if (kind == "uniform")
        fillUniform(values, random, initializer.scale);
    else if (kind == "constant")
        std::fill(values.begin(), values.end(), static_cast<float>(initializer.scale));
    else if (kind == "glorot_uniform")
        fillUniform(values, random, std::sqrt(6.0 / (fanIn + fanOut)));
    else if (kind == "glorot_normal")
        fillNormal(values, random, std::sqrt(2.0 / (fanIn + fanOut)));
    else if (kind == "he_uniform")
        fillUniform(values, random, std::sqrt(6.0 / fanIn));
    else if (kind == "he_normal")
        fillNormal(values, random, std::sqrt(2.0 / fanIn));
    else if (kind == "orthogonal")
        fillOrthogonal(values, random, tensor.shape().rank() > 0 ? tensor.shape()[-1] : 1);
    else if (kind != "zeros")
        throw std::logic_error("there is no weight initialisation \"" + kind + "\"");
}

} // namespace

Weights initialWeights(const ir::Program& program, uint64_t seed)
{
    Weights weights;
    for (const ir::Value& value : program.values) {
        const bool weight = value.segment == ir::Segment::Parameters || value.segment == ir::Segment::State;
        if (!weight || value.name.empty())
            continue;
        Tensor tensor(value.type.shape);
        fillWeight(tensor, value.initializer, Random(seed, streamOf(value.name)));
        weights.emplace(value.name, std::move(tensor));
    }
    return weights;
}

} // namespace gradloom::train
