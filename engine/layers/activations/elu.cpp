#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation elu()
{
    return {"elu", "ELU", "Like ReLU, but bends smoothly to −α for negative numbers.",
        "y = x if x > 0, else α·(eˣ − 1)",
        [](ir::Builder& b, ir::ValueId x, const Params& p) { return b.unary("elu", x, p.real("alpha")); },
        {realParam("alpha", "Alpha", 1, 0, 10, "α: what very negative numbers approach, negated.")},
        {{{"alpha", 0.5}}}};
}

} // namespace gradloom::layers
