#include "engine/layers/activation.h"

namespace gradloom::layers {

/// Klambauer et al., "Self-normalizing neural networks", 2017; λ and α of equation 14.
Activation selu()
{
    return {"selu", "SELU",
        "ELU with constants that keep the numbers of a deep dense network at mean 0 and deviation 1 by "
        "themselves.",
        "y = 1.0507·x if x > 0, else 1.7581·(eˣ − 1)", [](ir::Builder& b, ir::ValueId x, const Params&) {
            return b.scale(b.unary("elu", x, 1.6732632423543772), 1.0507009873554805);
        }};
}

} // namespace gradloom::layers
