#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation relu()
{
    return {"relu", "ReLU", "Lets positive numbers through and stops negative ones.", "y = max(x, 0)",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.unary("relu", x); }};
}

} // namespace gradloom::layers
