#include "engine/backend/cpu/pointwise_translation.h"

#include "engine/backend/cpu/kernels/pointwise.h"

#include <map>
#include <memory>
#include <stdexcept>

namespace gradloom::cpu {

namespace {

/// Writes the kernel's program: registers are handed out and taken back when nothing reads them any more.
class Translator
{
public:
    Translator(const ir::PointwiseCode& code, size_t inputs) : m_code(code), m_inputs(static_cast<int32_t>(inputs))
    {
        m_register.assign(inputs + code.instructions.size(), 0);
        m_lastUse.assign(inputs + code.instructions.size(), -1);
        for (size_t i = 0; i < inputs; ++i)
            m_register[i] = static_cast<uint8_t>(i);
        const auto count = static_cast<int32_t>(code.instructions.size());
        for (int32_t i = 0; i < count; ++i) {
            const auto& step = code.instructions[static_cast<size_t>(i)];
            m_lastUse[static_cast<size_t>(step.a)] = i;
            if (step.b >= 0)
                m_lastUse[static_cast<size_t>(step.b)] = i;
        }
        for (int32_t output : code.outputs)
            m_lastUse[static_cast<size_t>(output)] = count;
        for (int r = static_cast<int>(inputs); r < pointwiseMaxRegisters; ++r)
            m_free.push_back(static_cast<uint8_t>(r));
    }

    PointwiseProgram translate()
    {
        for (size_t i = 0; i < m_code.instructions.size(); ++i)
            step(static_cast<int32_t>(i));
        for (int32_t output : m_code.outputs)
            m_program.outputs.push_back(m_register[static_cast<size_t>(output)]);
        return std::move(m_program);
    }

private:
    uint8_t take()
    {
        if (m_free.empty())
            throw std::logic_error("a fused pointwise operation needs too many registers");
        const uint8_t r = m_free.back();
        m_free.pop_back();
        return r;
    }

    void emit(PointwiseOp op, uint8_t dst, uint8_t a, uint8_t b = 0, uint8_t c = 0, double immediate = 0)
    {
        m_program.code.push_back({op, dst, a, b, c, static_cast<float>(immediate)});
    }

    void step(int32_t index)
    {
        const auto& s = m_code.instructions[static_cast<size_t>(index)];
        const uint8_t a = m_register[static_cast<size_t>(s.a)];
        const uint8_t b = s.b >= 0 ? m_register[static_cast<size_t>(s.b)] : uint8_t{0};
        const uint8_t dst = take();
        function(s.fn, dst, a, b, s.alpha);
        m_register[static_cast<size_t>(m_inputs + index)] = dst;
        release(s.a, index);
        if (s.b >= 0 && s.b != s.a)
            release(s.b, index);
    }

    void release(int32_t operand, int32_t index)
    {
        // Inputs keep their registers: the kernel loads them itself.
        if (operand >= m_inputs && m_lastUse[static_cast<size_t>(operand)] == index)
            m_free.push_back(m_register[static_cast<size_t>(operand)]);
    }

    void function(const std::string& fn, uint8_t dst, uint8_t a, uint8_t b, double alpha)
    {
        static const std::map<std::string, PointwiseOp, std::less<>> direct{{"copy", PointwiseOp::Copy},
            {"neg", PointwiseOp::Neg}, {"abs", PointwiseOp::Abs}, {"sign", PointwiseOp::Sign},
            {"square", PointwiseOp::Square}, {"sqrt", PointwiseOp::Sqrt}, {"rsqrt", PointwiseOp::Rsqrt},
            {"reciprocal", PointwiseOp::Reciprocal}, {"exp", PointwiseOp::Exp}, {"log", PointwiseOp::Log},
            {"tanh", PointwiseOp::Tanh}, {"sigmoid", PointwiseOp::Sigmoid}, {"softplus", PointwiseOp::Softplus},
            {"erf", PointwiseOp::Erf}, {"relu", PointwiseOp::Relu}, {"step", PointwiseOp::Step},
            {"add", PointwiseOp::Add}, {"sub", PointwiseOp::Sub}, {"mul", PointwiseOp::Mul}, {"div", PointwiseOp::Div},
            {"max", PointwiseOp::Max}, {"min", PointwiseOp::Min}, {"greater", PointwiseOp::Greater},
            {"equal", PointwiseOp::Equal}, {"relu_gradient", PointwiseOp::MaskPositive}};
        static const std::map<std::string, PointwiseOp, std::less<>> withAlpha{{"scale", PointwiseOp::Mul},
            {"offset", PointwiseOp::Add}, {"power", PointwiseOp::Pow}, {"maximum_scalar", PointwiseOp::Max},
            {"minimum_scalar", PointwiseOp::Min}};
        if (auto it = direct.find(fn); it != direct.end())
            emit(it->second, dst, a, b);
        else if (auto with = withAlpha.find(fn); with != withAlpha.end())
            emit(with->second, dst, a, pointwiseImmediate, 0, alpha);
        else
            composed(fn, dst, a, b, alpha);
    }

    void composed(const std::string& fn, uint8_t dst, uint8_t a, uint8_t b, double alpha)
    {
        constexpr uint8_t number = pointwiseImmediate;
        if (fn == "leaky_relu") {
            emit(PointwiseOp::Mul, dst, a, number, 0, alpha);
            emit(PointwiseOp::Select, dst, a, a, dst);
        } else if (fn == "elu") {
            emit(PointwiseOp::Expm1, dst, a);
            emit(PointwiseOp::Mul, dst, dst, number, 0, alpha);
            emit(PointwiseOp::Select, dst, a, a, dst);
        } else if (fn == "leaky_relu_gradient") {
            emit(PointwiseOp::Mul, dst, a, number, 0, alpha);
            emit(PointwiseOp::Select, dst, b, a, dst);
        } else if (fn == "elu_gradient") {
            emit(PointwiseOp::Add, dst, b, number, 0, alpha);
            emit(PointwiseOp::Mul, dst, dst, a);
            emit(PointwiseOp::Select, dst, b, a, dst);
        } else if (fn == "tanh_gradient") {
            emit(PointwiseOp::Square, dst, b);
            emit(PointwiseOp::Sub, dst, number, dst, 0, 1);
            emit(PointwiseOp::Mul, dst, dst, a);
        } else if (fn == "sigmoid_gradient") {
            emit(PointwiseOp::Sub, dst, number, b, 0, 1);
            emit(PointwiseOp::Mul, dst, dst, b);
            emit(PointwiseOp::Mul, dst, dst, a);
        } else {
            throw std::logic_error("the CPU does not know the function \"" + fn + "\"");
        }
    }

    const ir::PointwiseCode& m_code;
    int32_t m_inputs;
    PointwiseProgram m_program;
    std::vector<uint8_t> m_register;
    std::vector<int32_t> m_lastUse;
    std::vector<uint8_t> m_free;
};

struct Prepared
{
    PointwiseProgram program;
    std::vector<const float*> inputs;
    std::vector<float*> outputs;
    PointwiseArgs args;
};

} // namespace

void preparePointwise(Preparation& p, const ir::PointwiseCode& code)
{
    auto prepared = std::make_shared<Prepared>();
    prepared->program = Translator(code, p.op.inputs.size()).translate();
    const int64_t size = p.outShape().elements();
    prepared->args.size = size;
    for (size_t i = 0; i < p.op.inputs.size(); ++i) {
        const int64_t elements = p.inShape(i).elements();
        PointwiseInput kind = PointwiseInput::Full;
        if (elements != size) {
            kind = elements == 1 ? PointwiseInput::Scalar : PointwiseInput::Row;
            if (kind == PointwiseInput::Row)
                prepared->args.period = elements;
        }
        prepared->program.inputs.push_back(kind);
        prepared->inputs.push_back(p.in(i));
    }
    for (size_t i = 0; i < p.op.outputs.size(); ++i)
        prepared->outputs.push_back(p.out(i));
    prepared->args.inputs = prepared->inputs.data();
    prepared->args.outputs = prepared->outputs.data();
    if (!pointwiseValid(prepared->program))
        throw std::logic_error("the pointwise program of \"" + p.op.node + "\" is not valid");
    const double work = static_cast<double>(size) * static_cast<double>(prepared->program.code.size() + 2);
    p.phase(pointwiseUnits(size), work, [prepared](int64_t begin, int64_t end, int) {
        pointwise(prepared->program, prepared->args, begin, end);
    });
}

} // namespace gradloom::cpu
