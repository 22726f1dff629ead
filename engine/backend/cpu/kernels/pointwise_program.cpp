#include "pointwise.h"
#include "pointwise_tile.h"

#include <algorithm>
#include <array>

namespace gradloom::cpu {

namespace {

constexpr int vectorMax = 16;

int operandCount(PointwiseOp op)
{
    switch (op) {
    case PointwiseOp::MulAdd:
    case PointwiseOp::NegMulAdd:
    case PointwiseOp::MulMul:
    case PointwiseOp::DivRoot:
    case PointwiseOp::Select:
        return 3;
    case PointwiseOp::Add:
    case PointwiseOp::Sub:
    case PointwiseOp::Mul:
    case PointwiseOp::Div:
    case PointwiseOp::Min:
    case PointwiseOp::Max:
    case PointwiseOp::Pow:
    case PointwiseOp::Greater:
    case PointwiseOp::GreaterEqual:
    case PointwiseOp::Equal:
    case PointwiseOp::MaskPositive:
        return 2;
    default:
        return 1;
    }
}

/// Finds the step of Adam in a program.
class AdamSearch
{
public:
    explicit AdamSearch(const PointwiseProgram& program) : m_program(program) {}

    /// Whether the instructions from `first` on are those of Adam, and nothing else reads what they pass on.
    bool startsAt(size_t first) const
    {
        const PointwiseInstruction* code = m_program.code.data() + first;
        constexpr PointwiseOp operations[adamSteps] = {PointwiseOp::Mul, PointwiseOp::MulAdd,
            PointwiseOp::MulMul, PointwiseOp::MulAdd, PointwiseOp::DivRoot, PointwiseOp::NegMulAdd};
        for (int64_t i = 0; i < adamSteps; ++i)
            if (code[i].op != operations[i])
                return false;
        const PointwiseInstruction &kept = code[0], &mean = code[1], &squared = code[2], &square = code[3],
                                   &ratio = code[4], &weights = code[5];
        const bool flows = mean.c == kept.dst && squared.a == mean.a && squared.b == mean.a &&
                           square.c == squared.dst && ratio.a == mean.dst && ratio.b == square.dst &&
                           weights.a == ratio.dst;
        const bool numbers = areNumbers({kept.b, mean.b, squared.c, square.b, ratio.c, weights.b}, true) &&
                             areNumbers({kept.a, mean.a, square.a, weights.c}, false);
        return flows && numbers && isPassedOn(first) && isPassedOn(first + 2) && isPassedOn(first + 4);
    }

private:
    bool areNumbers(std::initializer_list<uint8_t> registers, bool expected) const
    {
        return std::all_of(registers.begin(), registers.end(), [&](uint8_t reg) {
            const bool scalar =
                reg < m_program.inputs.size() && m_program.inputs[reg] == PointwiseInput::Scalar;
            return (reg == pointwiseImmediate || scalar) == expected;
        });
    }

    /// Whether the result of an instruction is read once and is no output.
    bool isPassedOn(size_t instruction) const
    {
        const auto& code = m_program.code;
        const uint8_t reg = code[instruction].dst;
        int64_t reads = 0;
        for (size_t i = instruction + 1; i < code.size(); ++i) {
            const int operands = operandCount(code[i].op);
            reads += (code[i].a == reg ? 1 : 0) + (operands > 1 && code[i].b == reg ? 1 : 0) +
                     (operands > 2 && code[i].c == reg ? 1 : 0);
            if (code[i].dst == reg)
                return reads == 1;
        }
        const auto& outputs = m_program.outputs;
        return reads == 1 && std::find(outputs.begin(), outputs.end(), reg) == outputs.end();
    }

    const PointwiseProgram& m_program;
};

/// Runs a program tile by tile. Full inputs are read and outputs written in place where that is safe; other
/// registers live in this object, on the stack.
class Machine
{
public:
    Machine(const PointwiseProgram& program, const PointwiseArgs& args) : m_program(program), m_args(args)
    {
        findDirectOutputs();
        for (size_t i = 0; i < program.inputs.size(); ++i)
            if (program.inputs[i] == PointwiseInput::Scalar)
                std::fill_n(m_registers[i], vectorMax, *args.inputs[i]);
        prepareSteps();
    }

    void run(int64_t begin, int64_t end)
    {
        for (int64_t start = begin; start < end; start += pointwiseTile)
            runOne(start, std::min(pointwiseTile, end - start));
    }

private:
    /// An output can be written by its instruction if no other instruction writes the register and if the
    /// instructions that follow read no input from the same memory.
    void findDirectOutputs()
    {
        m_directOutput.fill(-1);
        m_where.fill(nullptr);
        for (size_t j = 0; j < m_program.outputs.size(); ++j) {
            const uint8_t reg = m_program.outputs[j];
            int64_t writer = -1;
            bool single = m_directOutput[reg] < 0;
            for (size_t s = 0; s < m_program.code.size(); ++s)
                if (m_program.code[s].dst == reg) {
                    single = single && writer < 0;
                    writer = static_cast<int64_t>(s);
                }
            if (single && writer >= 0 && !readLater(m_args.outputs[j], static_cast<size_t>(writer) + 1))
                m_directOutput[reg] = static_cast<int>(j);
        }
    }

    bool readLater(const float* memory, size_t firstStep) const
    {
        const auto isMemory = [&](uint8_t reg) {
            return reg < m_program.inputs.size() && m_args.inputs[reg] == memory;
        };
        for (size_t s = firstStep; s < m_program.code.size(); ++s) {
            const PointwiseInstruction& step = m_program.code[s];
            const int operands = operandCount(step.op);
            if (isMemory(step.a) || (operands > 1 && isMemory(step.b)) || (operands > 2 && isMemory(step.c)))
                return true;
        }
        return false;
    }

    /// Where the values of input i for the tile are.
    const float* input(size_t i, int64_t start, int64_t count, bool partial)
    {
        const float* from = m_args.inputs[i];
        float* reg = m_registers[i];
        switch (m_program.inputs[i]) {
        case PointwiseInput::Full:
            // The vectors of an incomplete tile would reach beyond the input's end.
            if (!partial)
                return from + start;
            std::copy_n(from + start, count, reg);
            std::fill(reg + count, reg + pointwiseTile, 1.0F);
            return reg;
        case PointwiseInput::Scalar:
            return reg;
        case PointwiseInput::Row:
            fillRow(from, start, count, reg);
            return reg;
        case PointwiseInput::Column:
            fillColumn(from, start, count, reg);
            return reg;
        }
        return reg;
    }

    void fillRow(const float* from, int64_t start, int64_t count, float* reg) const
    {
        int64_t position = start % m_args.period;
        for (int64_t i = 0; i < count; position = 0) {
            const int64_t run = std::min(count - i, m_args.period - position);
            std::copy_n(from + position, run, reg + i);
            i += run;
        }
    }

    void fillColumn(const float* from, int64_t start, int64_t count, float* reg) const
    {
        int64_t row = start / m_args.period;
        int64_t position = start % m_args.period;
        for (int64_t i = 0; i < count; position = 0) {
            const int64_t run = std::min(count - i, m_args.period - position);
            std::fill_n(reg + i, run, from[row++]);
            i += run;
        }
    }

    /// Everything about the steps that is the same for all tiles: operands' addresses are not.
    void prepareSteps()
    {
        for (size_t s = 0; s < m_program.code.size(); ++s) {
            const PointwiseInstruction& instruction = m_program.code[s];
            PointwiseStep& step = m_steps[s];
            step.op = instruction.op;
            step.immediate = instruction.immediate;
            const int operands = operandCount(instruction.op);
            const uint8_t registers[] = {instruction.a, instruction.b, instruction.c};
            PointwiseOperand* const to[] = {&step.a, &step.b, &step.c};
            for (int i = 0; i < operands; ++i)
                prepareOperand(registers[i], instruction.immediate, s, *to[i]);
        }
        const int64_t adam = pointwiseAdam(m_program);
        for (size_t s = 0; s < m_program.code.size(); ++s)
            m_steps[s].startsAdam = static_cast<int64_t>(s) == adam;
    }

    void prepareOperand(uint8_t index, float immediate, size_t step, PointwiseOperand& operand)
    {
        operand.data = nullptr;
        operand.mask = -1;
        if (index == pointwiseImmediate) {
            std::fill_n(m_immediates[step], vectorMax, immediate);
            operand = {m_immediates[step], 0};
        } else if (index < m_program.inputs.size() && m_program.inputs[index] == PointwiseInput::Scalar) {
            operand.mask = 0;
        }
    }

    void findOperands(int64_t start, bool partial)
    {
        for (size_t s = 0; s < m_program.code.size(); ++s) {
            const PointwiseInstruction& instruction = m_program.code[s];
            PointwiseStep& step = m_steps[s];
            if (instruction.a != pointwiseImmediate)
                step.a.data = m_where[instruction.a];
            if (instruction.b != pointwiseImmediate)
                step.b.data = m_where[instruction.b];
            if (instruction.c != pointwiseImmediate)
                step.c.data = m_where[instruction.c];
            const int output = partial ? -1 : m_directOutput[instruction.dst];
            step.to = output >= 0 ? m_args.outputs[output] + start : m_registers[instruction.dst];
            m_where[instruction.dst] = step.to;
        }
    }

    void runOne(int64_t start, int64_t count)
    {
        const bool partial = count % vectorMax != 0;
        for (size_t i = 0; i < m_program.inputs.size(); ++i)
            m_where[i] = input(i, start, count, partial);
        findOperands(start, partial);
        runPointwiseTile(m_steps, static_cast<int64_t>(m_program.code.size()), count);
        for (size_t j = 0; j < m_program.outputs.size(); ++j) {
            const uint8_t reg = m_program.outputs[j];
            if (partial || m_directOutput[reg] != static_cast<int>(j))
                std::copy_n(m_where[reg], count, m_args.outputs[j] + start);
        }
    }

    const PointwiseProgram& m_program;
    const PointwiseArgs& m_args;
    std::array<int, pointwiseMaxRegisters> m_directOutput; ///< output that a register is, or -1
    std::array<const float*, pointwiseMaxRegisters> m_where;
    PointwiseStep m_steps[pointwiseMaxCode];
    alignas(64) float m_immediates[pointwiseMaxCode][vectorMax];
    alignas(64) float m_registers[pointwiseMaxRegisters][pointwiseTile];
};

} // namespace

bool pointwiseValid(const PointwiseProgram& program)
{
    if (program.inputs.size() > pointwiseMaxRegisters || program.code.size() > pointwiseMaxCode)
        return false;
    std::array<bool, pointwiseMaxRegisters> written{};
    std::fill_n(written.begin(), program.inputs.size(), true);
    const auto readable = [&](uint8_t reg) { return reg < pointwiseMaxRegisters && written[reg]; };
    const auto computed = [&](uint8_t reg) { return readable(reg) && reg >= program.inputs.size(); };
    const auto operand = [&](uint8_t reg) { return reg == pointwiseImmediate || readable(reg); };
    for (const PointwiseInstruction& step : program.code) {
        const int operands = operandCount(step.op);
        if (step.op > PointwiseOp::MaskPositive || step.dst >= pointwiseMaxRegisters ||
            step.dst < program.inputs.size() || !operand(step.a) || (operands > 1 && !operand(step.b)) ||
            (operands > 2 && !operand(step.c)))
            return false;
        written[step.dst] = true;
    }
    return std::all_of(program.outputs.begin(), program.outputs.end(), computed);
}

int64_t pointwiseAdam(const PointwiseProgram& program)
{
    const AdamSearch search(program);
    for (size_t first = 0; first + adamSteps <= program.code.size(); ++first)
        if (search.startsAt(first))
            return static_cast<int64_t>(first);
    return -1;
}

int64_t pointwiseUnits(int64_t size)
{
    return (size + pointwiseUnit - 1) / pointwiseUnit;
}

void pointwise(const PointwiseProgram& program, const PointwiseArgs& args, int64_t begin, int64_t end)
{
    if (begin >= end)
        return;
    Machine machine(program, args);
    machine.run(begin * pointwiseUnit, std::min(end * pointwiseUnit, args.size));
}

} // namespace gradloom::cpu
