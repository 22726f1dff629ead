#include "engine/backend/cpu/pointwise_translation.h"

#include "engine/backend/cpu/kernels/pointwise.h"

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

namespace gradloom::cpu {

namespace {

/// A multiplication that its reader takes in: a·b, with b an operand or a number.
struct Absorbed
{
    int32_t product = -1; ///< the multiplication's instruction, -1 for none
    int32_t other = -1;   ///< the reader's other operand, -1 where that is a number
};

/// Finds multiplications that become part of the addition, subtraction or scaling that reads them. How a
/// result is rounded depends on its formula only, not on what else is read of it.
class Absorption
{
public:
    Absorption(const ir::PointwiseCode& code, size_t inputs)
        : m_code(code), m_inputs(static_cast<int32_t>(inputs))
    {
        const size_t count = code.instructions.size();
        m_uses.assign(inputs + count, 0);
        const auto use = [this](int32_t operand) { ++m_uses[static_cast<size_t>(operand)]; };
        for (const auto& step : code.instructions) {
            use(step.a);
            if (step.b >= 0)
                use(step.b);
        }
        for (const int32_t output : code.outputs)
            use(output);
        for (const auto& step : code.instructions) {
            m_at.push_back(absorbedBy(step));
            if (m_at.back().product >= 0)
                --m_uses[static_cast<size_t>(m_inputs + m_at.back().product)];
        }
    }

    const Absorbed& at(size_t instruction) const { return m_at[instruction]; }
    /// Whether all readers have taken it in.
    bool isAbsorbed(size_t instruction) const
    {
        return m_uses[static_cast<size_t>(m_inputs) + instruction] == 0;
    }

private:
    /// The instruction behind an operand, null for an input.
    const ir::PointwiseInstruction* maker(int32_t operand) const
    {
        return operand < m_inputs ? nullptr : &m_code.instructions[static_cast<size_t>(operand - m_inputs)];
    }

    bool isProduct(int32_t operand) const
    {
        const auto* step = maker(operand);
        return step && (step->fn == "mul" || step->fn == "square");
    }

    /// A product, also with a number.
    bool isTerm(int32_t operand) const
    {
        const auto* step = maker(operand);
        return isProduct(operand) || (step && step->fn == "scale" && !isProduct(step->a));
    }

    Absorbed absorbedBy(const ir::PointwiseInstruction& step) const
    {
        // The same bits, and only worth it where the product is not needed by itself.
        const bool alone = m_uses[static_cast<size_t>(step.a)] == 1;
        if (isProduct(step.a) && (step.fn == "offset" || (step.fn == "scale" && alone)))
            return {step.a - m_inputs, -1};
        const bool adds = step.fn == "add";
        if ((adds || step.fn == "sub") && isTerm(step.b))
            return {step.b - m_inputs, step.a};
        return adds && isTerm(step.a) ? Absorbed{step.a - m_inputs, step.b} : Absorbed{};
    }

    const ir::PointwiseCode& m_code;
    int32_t m_inputs;
    std::vector<int32_t> m_uses;
    std::vector<Absorbed> m_at;
};

/// Writes the kernel's program: registers are handed out and taken back when nothing reads them any more.
class Translator
{
public:
    Translator(const ir::PointwiseCode& code, size_t inputs)
        : m_code(code), m_inputs(static_cast<int32_t>(inputs)), m_absorption(code, inputs)
    {
        m_register.assign(inputs + code.instructions.size(), 0);
        m_lastUse.assign(inputs + code.instructions.size(), -1);
        for (size_t i = 0; i < inputs; ++i)
            m_register[i] = static_cast<uint8_t>(i);
        const auto count = static_cast<int32_t>(code.instructions.size());
        for (int32_t i = 0; i < count; ++i)
            if (!m_absorption.isAbsorbed(static_cast<size_t>(i)))
                for (const int32_t operand : operandsOf(i))
                    m_lastUse[static_cast<size_t>(operand)] = i;
        for (int32_t output : code.outputs)
            m_lastUse[static_cast<size_t>(output)] = count;
        for (int r = static_cast<int>(inputs); r < pointwiseMaxRegisters; ++r)
            m_free.push_back(static_cast<uint8_t>(r));
    }

    PointwiseProgram translate()
    {
        for (size_t i = 0; i < m_code.instructions.size(); ++i)
            if (!m_absorption.isAbsorbed(i))
                step(static_cast<int32_t>(i));
        for (int32_t output : m_code.outputs)
            m_program.outputs.push_back(m_register[static_cast<size_t>(output)]);
        joinRoots();
        return std::move(m_program);
    }

private:
    /// A register: `own` for a result, one that nothing else uses where that is possible, because such a
    /// result is written straight to memory.
    uint8_t take(bool own)
    {
        if (m_free.empty())
            throw std::logic_error("a fused pointwise operation needs too many registers");
        const auto at = own ? m_free.begin() : m_free.end() - 1;
        const uint8_t r = *at;
        m_free.erase(at);
        return r;
    }

    void emit(PointwiseOp op, uint8_t dst, uint8_t a, uint8_t b = 0, uint8_t c = 0, double immediate = 0)
    {
        m_program.code.push_back({op, dst, a, b, c, static_cast<float>(immediate)});
    }

    /// What an instruction reads, with the product it has taken in.
    std::vector<int32_t> operandsOf(int32_t index) const
    {
        const auto& s = m_code.instructions[static_cast<size_t>(index)];
        const Absorbed& absorbed = m_absorption.at(static_cast<size_t>(index));
        std::vector<int32_t> operands;
        const auto add = [&](int32_t operand) {
            if (operand >= 0 && std::find(operands.begin(), operands.end(), operand) == operands.end())
                operands.push_back(operand);
        };
        if (absorbed.product < 0) {
            add(s.a);
            add(s.b);
        } else {
            const auto& product = m_code.instructions[static_cast<size_t>(absorbed.product)];
            add(product.a);
            add(product.b);
            add(absorbed.other);
        }
        return operands;
    }

    /// Makes one instruction of a root, its scaling and the division by it, to the same bits.
    void joinRoots()
    {
        auto& code = m_program.code;
        for (size_t i = 0; i + 2 < code.size(); ++i) {
            const PointwiseInstruction& root = code[i];
            const PointwiseInstruction& scaled = code[i + 1];
            const PointwiseInstruction division = code[i + 2];
            constexpr uint8_t number = pointwiseImmediate;
            const bool fits = root.op == PointwiseOp::Sqrt && scaled.op == PointwiseOp::MulAdd &&
                              scaled.a == root.dst && scaled.b != root.dst && scaled.c == number &&
                              division.op == PointwiseOp::Div && division.b == scaled.dst;
            const bool registers = root.a != number && scaled.b != number && division.a != number &&
                                   division.a != root.dst && division.a != scaled.dst;
            if (!fits || !registers || isReadBehind(i + 2, root.dst) || isReadBehind(i + 2, scaled.dst))
                continue;
            code[i] = {PointwiseOp::DivRoot, division.dst, division.a, root.a, scaled.b, scaled.immediate};
            code.erase(code.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                code.begin() + static_cast<std::ptrdiff_t>(i) + 3);
        }
    }

    /// Whether what the register holds is read behind instruction `index`.
    bool isReadBehind(size_t index, uint8_t reg) const
    {
        const auto& code = m_program.code;
        for (size_t i = index; code[i].dst != reg; ++i) {
            if (i + 1 == code.size())
                return std::find(m_program.outputs.begin(), m_program.outputs.end(), reg) !=
                       m_program.outputs.end();
            const PointwiseInstruction& next = code[i + 1];
            if (next.a == reg || next.b == reg || next.c == reg)
                return true;
        }
        return false;
    }

    uint8_t registerOf(int32_t operand) const { return m_register[static_cast<size_t>(operand)]; }

    void step(int32_t index)
    {
        const auto& s = m_code.instructions[static_cast<size_t>(index)];
        const Absorbed& absorbed = m_absorption.at(static_cast<size_t>(index));
        const uint8_t dst = take(m_lastUse[static_cast<size_t>(m_inputs + index)] ==
                                 static_cast<int32_t>(m_code.instructions.size()));
        if (absorbed.product >= 0)
            withProduct(s, absorbed, dst);
        else
            function(s.fn, dst, registerOf(s.a), s.b >= 0 ? registerOf(s.b) : uint8_t{0}, s.alpha);
        m_register[static_cast<size_t>(m_inputs + index)] = dst;
        for (const int32_t operand : operandsOf(index))
            release(operand, index);
    }

    void withProduct(const ir::PointwiseInstruction& s, const Absorbed& absorbed, uint8_t dst)
    {
        constexpr uint8_t number = pointwiseImmediate;
        const auto& product = m_code.instructions[static_cast<size_t>(absorbed.product)];
        const uint8_t a = registerOf(product.a);
        const bool scaled = product.fn == "scale";
        const uint8_t b = scaled ? number : product.b >= 0 ? registerOf(product.b) : a;
        if (s.fn == "scale")
            emit(PointwiseOp::MulMul, dst, a, b, number, s.alpha);
        else if (s.fn == "offset")
            emit(PointwiseOp::MulAdd, dst, a, b, number, s.alpha);
        else
            emit(s.fn == "add" ? PointwiseOp::MulAdd : PointwiseOp::NegMulAdd, dst, a, b,
                registerOf(absorbed.other), product.alpha);
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
            {"tanh", PointwiseOp::Tanh}, {"sigmoid", PointwiseOp::Sigmoid},
            {"softplus", PointwiseOp::Softplus}, {"erf", PointwiseOp::Erf}, {"relu", PointwiseOp::Relu},
            {"step", PointwiseOp::Step}, {"add", PointwiseOp::Add}, {"sub", PointwiseOp::Sub},
            {"mul", PointwiseOp::Mul}, {"div", PointwiseOp::Div}, {"max", PointwiseOp::Max},
            {"min", PointwiseOp::Min}, {"greater", PointwiseOp::Greater}, {"equal", PointwiseOp::Equal},
            {"relu_gradient", PointwiseOp::MaskPositive}};
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
    Absorption m_absorption;
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

/// The translated code, with the operands from `first` on as inputs of `size` elements or less.
std::shared_ptr<Prepared> prepared(Preparation& p, const ir::PointwiseCode& code, size_t first, int64_t size)
{
    auto result = std::make_shared<Prepared>();
    result->program = Translator(code, p.op.inputs.size() - first).translate();
    result->args.size = size;
    for (size_t i = first; i < p.op.inputs.size(); ++i) {
        const int64_t elements = p.inShape(i).elements();
        PointwiseInput kind = PointwiseInput::Full;
        if (elements < size) {
            kind = elements == 1 ? PointwiseInput::Scalar : PointwiseInput::Row;
            if (kind == PointwiseInput::Row)
                result->args.period = elements;
        }
        result->program.inputs.push_back(kind);
        result->inputs.push_back(p.in(i));
    }
    for (size_t i = 0; i < p.op.outputs.size(); ++i)
        result->outputs.push_back(p.out(i));
    result->args.inputs = result->inputs.data();
    result->args.outputs = result->outputs.data();
    if (!pointwiseValid(result->program))
        throw std::logic_error("the pointwise program of \"" + p.op.node + "\" is not valid");
    return result;
}

double workOf(const Prepared& prepared)
{
    return static_cast<double>(prepared.args.size) * static_cast<double>(prepared.program.code.size() + 2);
}

std::string passName(const PointwiseProgram& program)
{
    const size_t count = program.code.size();
    return "one pass, " + std::to_string(count) + (count == 1 ? " instruction" : " instructions") +
           (pointwiseAdam(program) < 0 ? "" : ", Adam as one");
}

/// Blocks of rows of tables.
class RowBlocks
{
public:
    RowBlocks(Preparation& p, std::shared_ptr<const Prepared> prepared)
        : m_prepared(std::move(prepared)), m_rows(p.in<int32_t>(0)), m_count(p.inShape(0).elements()),
          m_width(p.inShape(1)[-1]), m_tables(static_cast<size_t>(p.op.attributes.integer("tables")))
    {
        m_blockRows = std::clamp<int64_t>(blockElements / std::max<int64_t>(1, m_width), 1, m_count);
    }

    int64_t units() const { return (m_count + m_blockRows - 1) / m_blockRows; }
    int64_t scratch() const { return static_cast<int64_t>(m_tables) * m_blockRows * m_width; }

    void run(int64_t unit, float* scratch) const
    {
        const int64_t first = unit * m_blockRows;
        const int64_t last = std::min(first + m_blockRows, m_count);
        int64_t count = 0;
        while (first + count < last && m_rows[first + count] >= 0)
            ++count;
        if (count == 0)
            return;
        const float* inputs[pointwiseMaxRegisters];
        float* outputs[pointwiseMaxRegisters];
        const int64_t stride = m_blockRows * m_width;
        for (size_t i = 0; i < m_prepared->inputs.size(); ++i) {
            const float* from = m_prepared->inputs[i];
            inputs[i] = i < m_tables ? scratch + static_cast<int64_t>(i) * stride
                        : m_prepared->program.inputs[i] == PointwiseInput::Full ? from + first * m_width
                                                                                : from;
            for (int64_t r = 0; i < m_tables && r < count; ++r)
                std::copy_n(from + m_rows[first + r] * m_width, m_width,
                    scratch + static_cast<int64_t>(i) * stride + r * m_width);
        }
        const size_t results = m_prepared->outputs.size();
        for (size_t i = 0; i < results; ++i) // over the table's own rows: results are elementwise
            outputs[i] = scratch + static_cast<int64_t>(i) * stride;
        const PointwiseArgs args{count * m_width, 1, inputs, outputs};
        pointwise(m_prepared->program, args, 0, pointwiseUnits(args.size));
        for (size_t i = 0; i < results; ++i)
            for (int64_t r = 0; r < count; ++r)
                std::copy_n(
                    outputs[i] + r * m_width, m_width, m_prepared->outputs[i] + m_rows[first + r] * m_width);
    }

private:
    /// Some tables of this size stay in the first-level cache, or nearly so.
    static constexpr int64_t blockElements = 2048;

    std::shared_ptr<const Prepared> m_prepared;
    const int32_t* m_rows;
    int64_t m_count, m_width;
    size_t m_tables;
    int64_t m_blockRows = 1;
};

} // namespace

void preparePointwise(Preparation& p, const ir::PointwiseCode& code)
{
    const auto ready = prepared(p, code, 0, p.outShape().elements());
    p.kernel = passName(ready->program);
    p.phase(pointwiseUnits(ready->args.size), workOf(*ready),
        [ready](int64_t begin, int64_t end, int) { pointwise(ready->program, ready->args, begin, end); });
}

void preparePointwiseRows(Preparation& p, const ir::PointwiseCode& code)
{
    const int64_t size = p.inShape(0).elements() * p.inShape(1)[-1];
    const auto ready = prepared(p, code, 1, size);
    p.kernel = passName(ready->program) + ", rows that occur";
    const auto tables = static_cast<size_t>(p.op.attributes.integer("tables"));
    std::fill_n(ready->program.inputs.begin(), tables, PointwiseInput::Full);
    for (size_t i = 0; i < p.op.outputs.size(); ++i)
        if (p.out(i) != p.in(i + 1))
            p.phase(p.inShape(1)[0], static_cast<double>(p.inShape(1).elements()),
                [from = p.in(i + 1), to = p.out(i), width = p.inShape(1)[-1]](int64_t begin, int64_t end,
                    int) { std::copy(from + begin * width, from + end * width, to + begin * width); });
    const RowBlocks blocks(p, ready);
    p.perThread(blocks.scratch());
    p.phase(blocks.units(), workOf(*ready),
        [blocks, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
            for (int64_t unit = begin; unit < end; ++unit)
                blocks.run(unit, scratch->of(thread));
        });
}

} // namespace gradloom::cpu
