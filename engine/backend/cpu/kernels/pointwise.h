#pragma once

#include <cstdint>
#include <vector>

namespace gradloom::cpu {

/// Instructions on registers, elementwise. Functions are accurate to about 2 units in the last place.
enum class PointwiseOp : std::uint8_t {
    Copy,       ///< a
    Add,        ///< a + b
    Sub,        ///< a - b
    Mul,        ///< a * b
    Div,        ///< a / b
    Min,        ///< min(a, b)
    Max,        ///< max(a, b)
    MulAdd,     ///< a * b + c
    NegMulAdd,  ///< c - a * b
    MulMul,     ///< a * b * c
    DivRoot,    ///< a / (sqrt(b) * c + the immediate value), the step of Adam
    Neg,        ///< -a
    Abs,        ///< |a|
    Sign,       ///< -1, 0 or 1
    Square,     ///< a * a
    Sqrt,       ///< square root
    Rsqrt,      ///< 1 / square root, exact to rounding
    Reciprocal, ///< 1 / a
    Exp,
    Expm1,
    Log,
    Log1p,
    Tanh,
    Sigmoid,  ///< 1 / (1 + exp(-a))
    Softplus, ///< log(1 + exp(a))
    Erf,
    Pow, ///< a to the power b; NaN for negative a unless b is an integer
    Sin,
    Cos,
    Floor,
    Relu,         ///< max(a, 0)
    Step,         ///< a > 0 ? 1 : 0
    Greater,      ///< a > b ? 1 : 0
    GreaterEqual, ///< a >= b ? 1 : 0
    Equal,        ///< a == b ? 1 : 0
    Select,       ///< a > 0 ? b : c
    MaskPositive, ///< b > 0 ? a : 0, the gradient of ReLU in one instruction
};

/// Operand index that stands for the instruction's immediate value instead of a register.
inline constexpr std::uint8_t pointwiseImmediate = 255;

/// dst = op(a, b, c). Operands that the operation does not use are ignored.
struct PointwiseInstruction
{
    PointwiseOp op = PointwiseOp::Copy;
    std::uint8_t dst = 0;
    std::uint8_t a = 0;
    std::uint8_t b = 0;
    std::uint8_t c = 0;
    float immediate = 0.0F;
};

/// How the elements of an input meet the elements of the output.
enum class PointwiseInput : std::uint8_t {
    Full,   ///< one value per element
    Scalar, ///< one value, read when the kernel runs (a learning rate)
    Row,    ///< [period] values that repeat (one value per channel)
    Column, ///< one value for each run of `period` elements (one value per row)
};

/// A straight-line program. Input i is register i and read-only; further registers hold results and may be
/// written more than once (a register that is written once and is an output costs no copy). At most
/// pointwiseMaxRegisters registers, an input counts as one.
struct PointwiseProgram
{
    std::vector<PointwiseInput> inputs;
    std::vector<PointwiseInstruction> code;
    std::vector<std::uint8_t> outputs; ///< register that output j is stored from; not an input
};

inline constexpr int pointwiseMaxRegisters = 32;
/// Instructions of a program at most.
inline constexpr int pointwiseMaxCode = 128;

/// True when registers, operands and outputs are within bounds and nothing is read before it is written.
bool pointwiseValid(const PointwiseProgram& program);

/// Where in the program the step of Adam starts, whose instructions are executed as one; -1 for nowhere.
std::int64_t pointwiseAdam(const PointwiseProgram& program);

struct PointwiseArgs
{
    std::int64_t size = 0;                ///< elements of each output and full input
    std::int64_t period = 1;              ///< for Row and Column inputs; divides size
    const float* const* inputs = nullptr; ///< one pointer per input
    /// One pointer per output. An output may be the same buffer as a full input, but may not overlap one
    /// otherwise.
    float* const* outputs = nullptr;
};

/// Units: runs of pointwiseUnit elements.
inline constexpr std::int64_t pointwiseUnit = 4096;
std::int64_t pointwiseUnits(std::int64_t size);
/// Executes a valid program on units [begin, end).
void pointwise(
    const PointwiseProgram& program, const PointwiseArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
