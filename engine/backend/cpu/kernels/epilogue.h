#pragma once

namespace gradloom::cpu {

/// Activation that a kernel applies while its result is still in registers.
enum class Activation {
    None,
    Relu,     ///< max(v, 0)
    LeakyRelu ///< v > 0 ? v : slope * v
};

/// What happens to a result before it is stored: v = activation(v + bias[channel]).
struct Epilogue
{
    const float* bias = nullptr; ///< one value per output column or channel; null means none
    Activation activation = Activation::None;
    float slope = 0.01F; ///< of LeakyRelu

    bool plain() const { return bias == nullptr && activation == Activation::None; }
};

} // namespace gradloom::cpu
