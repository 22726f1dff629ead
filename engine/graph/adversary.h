#pragma once

#include "engine/graph/graph.h"

#include <optional>
#include <set>
#include <string>

namespace gradloom::graph {

/// The two sides of a drawing that plays a GAN's game. Ids borrow nothing from the drawing.
struct Adversary
{
    std::string meeting;             ///< the node where real and fake samples meet
    std::string objective;           ///< the loss both play for
    std::set<std::string> generator; ///< everything the fake samples depend on
    std::set<std::string> between;   ///< the discriminator: nodes from the meeting (without it) to the objective (without it)
    std::string fakeNode;            ///< whose result the fake samples are, and which
    int fakePort = 0;
};

/// Finds the game in a drawing; nothing where it has no adversarial node. The Error names the node at fault: a
/// meeting without an objective behind it, an objective without a meeting, several of one kind, no fake samples.
Result<std::optional<Adversary>> findAdversary(const Graph& graph);

} // namespace gradloom::graph
