#include "tests/fake_cudnn/fake_graph.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace gradloom::tests::fake_graph {
namespace {

/// One execution.
class Run
{
public:
    Run(const Descriptor& plan, const Descriptor& pack)
    {
        const Descriptor& way = *plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
        m_graph = way.part(CUDNN_ATTR_ENGINECFG_ENGINE);
        const auto ids = pack.all<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
        const auto addresses = pack.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
        for (size_t i = 0; i < ids.size() && i < addresses.size(); ++i)
            m_given[ids[i]] = static_cast<std::byte*>(addresses[i]);
    }

    cudnnStatus_t compute()
    {
        for (const Descriptor* op : operationsOf(*m_graph)) {
            switch (op->type) {
            case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
                multiply(*op);
                break;
            case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
                pointwise(*op);
                break;
            case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
                reduce(*op);
                break;
            case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
                reshape(*op);
                break;
            case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
                normalise(*op);
                break;
            default:
                normaliseBackward(*op);
            }
            if (m_missing)
                return refuse("an operand has no address, or one that is no multiple of 16");
        }
        return CUDNN_STATUS_SUCCESS;
    }

private:
    TensorView tensor(const Descriptor& op, cudnnBackendAttributeName_t name)
    {
        TensorView view = viewOf(op.part(name));
        const auto id = view.descriptor->one<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
        if (isInner(view.descriptor)) {
            auto& memory = m_inner[id];
            if (!memory)
                memory = std::make_shared<std::vector<float>>(view.size());
            view.data = reinterpret_cast<std::byte*>(memory->data());
            return view;
        }
        view.data = m_given[id];
        const bool value = view.descriptor->one<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE);
        m_missing = m_missing || !view.data || (!value && !areGiven({view.data}));
        return view;
    }

    void multiply(const Descriptor& op)
    {
        const TensorView a = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC);
        const TensorView b = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC);
        const TensorView c = tensor(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC);
        if (m_missing)
            return;
        const auto rows = static_cast<size_t>(*(c.extents.end() - 2));
        const auto columns = static_cast<size_t>(c.extents.back());
        const auto terms = static_cast<size_t>(a.extents.back());
        for (size_t i = 0; i < c.size(); ++i) {
            const size_t matrix = i / columns / rows;
            const size_t row = i / columns % rows;
            float sum = 0;
            for (size_t k = 0; k < terms; ++k)
                sum += a.get((matrix * rows + row) * terms + k, a.extents) *
                       b.get((matrix * terms + k) * columns + i % columns, b.extents);
            c.set(i, sum);
        }
    }

    void pointwise(const Descriptor& op)
    {
        const Descriptor& how = *op.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
        const auto mode = how.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
        const auto axis = static_cast<size_t>(how.one<int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1));
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        std::vector<TensorView> operands;
        for (const auto name : {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                 CUDNN_ATTR_OPERATION_POINTWISE_TDESC})
            if (op.has(name))
                operands.push_back(tensor(op, name));
        if (m_missing)
            return;
        for (size_t i = 0; i < y.size(); ++i) {
            float in[3] = {};
            for (size_t k = 0; k < operands.size(); ++k)
                in[k] = operands[k].get(i, y.extents);
            y.set(i, mode == CUDNN_POINTWISE_GEN_INDEX ? placeOf(i, y.extents, axis) : valueOf(mode, in));
        }
    }

    static float placeOf(size_t i, const Extents& extents, size_t axis)
    {
        for (size_t d = extents.size() - 1; d > axis; --d)
            i /= static_cast<size_t>(extents[d]);
        return static_cast<float>(i % static_cast<size_t>(extents[axis]));
    }

    static float valueOf(cudnnPointwiseMode_t mode, const float* in)
    {
        switch (mode) {
        case CUDNN_POINTWISE_ADD:
            return in[0] + in[1];
        case CUDNN_POINTWISE_SUB:
            return in[0] - in[1];
        case CUDNN_POINTWISE_MUL:
            return in[0] * in[1];
        case CUDNN_POINTWISE_DIV:
            return in[0] / in[1];
        case CUDNN_POINTWISE_EXP:
            return std::exp(in[0]);
        case CUDNN_POINTWISE_LOG:
            return std::log(in[0]);
        case CUDNN_POINTWISE_IDENTITY:
            return in[0];
        case CUDNN_POINTWISE_CMP_GE:
            return in[0] >= in[1] ? 1.0F : 0.0F;
        case CUDNN_POINTWISE_BINARY_SELECT:
            return in[2] != 0 ? in[0] : in[1];
        default:
            return std::nanf("");
        }
    }

    void reduce(const Descriptor& op)
    {
        const Descriptor& how = *op.part(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
        const bool most =
            how.one<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR) == CUDNN_REDUCE_TENSOR_MAX;
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
        if (m_missing)
            return;
        for (size_t i = 0; i < y.size(); ++i)
            y.set(i, most ? -INFINITY : 0.0F);
        const size_t terms = x.size() / y.size(); // of the last dimension
        for (size_t i = 0; i < x.size(); ++i) {
            const float before = y.get(i / terms, y.extents);
            const float value = x.get(i, x.extents);
            y.set(i / terms, most ? std::max(before, value) : before + value);
        }
    }

    void reshape(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_RESHAPE_XDESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_RESHAPE_YDESC);
        if (m_missing)
            return;
        // The same numbers in memory, read with other strides.
        std::map<size_t, float> memory;
        for (size_t i = 0; i < x.size(); ++i)
            memory[x.at(i, x.extents)] = x.get(i, x.extents);
        for (size_t i = 0; i < y.size(); ++i)
            y.set(i, memory.at(y.at(i, y.extents)));
    }

    /// Visits every sample and group with the elements that share their statistics.
    template <class Visit>
    static void forGroups(const TensorView& x, const TensorView& statistics, const Visit& visit)
    {
        std::vector<std::vector<size_t>> groups(statistics.size());
        for (size_t i = 0; i < x.size(); ++i)
            groups[statistics.at(i, x.extents)].push_back(i);
        for (const auto& group : groups)
            visit(group);
    }

    void normalise(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC);
        const TensorView gamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC);
        const TensorView beta = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
        const TensorView epsilon = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC);
        const TensorView y = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC);
        const TensorView means = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC);
        const TensorView rstds = tensor(op, CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC);
        if (m_missing)
            return;
        forGroups(x, means, [&](const std::vector<size_t>& group) {
            const auto count = static_cast<float>(group.size());
            float mean = 0;
            for (const size_t i : group)
                mean += x.get(i, x.extents) / count;
            float variance = 0;
            for (const size_t i : group)
                variance += (x.get(i, x.extents) - mean) * (x.get(i, x.extents) - mean) / count;
            const float rstd = 1 / std::sqrt(variance + epsilon.get(0, epsilon.extents));
            const auto statistic = [&](const TensorView& of, float value) {
                reinterpret_cast<float*>(of.data)[of.at(group.front(), x.extents)] = value;
            };
            statistic(means, mean);
            statistic(rstds, rstd);
            for (const size_t i : group)
                y.set(i,
                    (x.get(i, x.extents) - mean) * rstd * gamma.get(i, x.extents) + beta.get(i, x.extents));
        });
    }

    void normaliseBackward(const Descriptor& op)
    {
        const TensorView x = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC);
        const TensorView means = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC);
        const TensorView rstds = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
        const TensorView gamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC);
        const TensorView dy = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC);
        const TensorView dx = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC);
        const TensorView dgamma = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC);
        const TensorView dbeta = tensor(op, CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC);
        if (m_missing)
            return;
        const auto normal = [&](size_t i) {
            return (x.get(i, x.extents) - means.get(i, x.extents)) * rstds.get(i, x.extents);
        };
        for (size_t c = 0; c < gamma.size(); ++c) {
            dgamma.set(c, 0);
            dbeta.set(c, 0);
        }
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = gamma.at(i, x.extents);
            reinterpret_cast<float*>(dgamma.data)[c] += dy.get(i, x.extents) * normal(i);
            reinterpret_cast<float*>(dbeta.data)[c] += dy.get(i, x.extents);
        }
        forGroups(x, means, [&](const std::vector<size_t>& group) {
            float sum = 0;
            float along = 0;
            for (const size_t i : group) {
                const float u = dy.get(i, x.extents) * gamma.get(i, x.extents);
                sum += u / static_cast<float>(group.size());
                along += u * normal(i) / static_cast<float>(group.size());
            }
            for (const size_t i : group)
                dx.set(i, rstds.get(i, x.extents) *
                              (dy.get(i, x.extents) * gamma.get(i, x.extents) - sum - normal(i) * along));
        });
    }

    const Descriptor* m_graph = nullptr;
    std::map<int64_t, std::byte*> m_given;
    std::map<int64_t, std::shared_ptr<std::vector<float>>> m_inner;
    bool m_missing = false;
};

} // namespace

cudnnStatus_t execute(const Descriptor& plan, const Descriptor& pack)
{
    return Run(plan, pack).compute();
}

} // namespace gradloom::tests::fake_graph
