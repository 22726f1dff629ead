#include "engine/graph/adversary.h"

#include "engine/graph/ports.h"

namespace gradloom::graph {

namespace {

constexpr int fakeInput = 1;

/// The only node of its kind; an Error for a second one.
Result<const Node*> theOnly(const Graph& graph, layers::Role role)
{
    const Node* found = nullptr;
    for (const Node& node : graph.nodes) {
        const auto* type = typeOf(node);
        if (!type || !type->adversarial || type->role != role)
            continue;
        if (found)
            return invalidArgument("A drawing plays one game, but besides " + describe(*found) + " there is " +
                                       describe(node) + ". Remove one of them.",
                node.id);
        found = &node;
    }
    return found;
}

} // namespace

Result<std::optional<Adversary>> findAdversary(const Graph& graph)
{
    const auto meeting = theOnly(graph, layers::Role::Layer);
    if (!meeting)
        return meeting.error();
    const auto objective = theOnly(graph, layers::Role::Loss);
    if (!objective)
        return objective.error();
    const Node* meets = *meeting;
    const Node* judges = *objective;
    if (!meets && !judges)
        return std::optional<Adversary>();
    if (!meets)
        return invalidArgument(describe(*judges) + " needs a Real or fake node in front of the discriminator. Add one and "
                                                   "connect the samples and the generator to it.",
            judges->id);
    if (!judges || !reaches(graph, meets->id, judges->id))
        return invalidArgument(describe(*meets) + " needs a GAN objective behind it. Connect the discriminator's score to "
                                                  "one.",
            meets->id);
    const Edge* fake = graph.edgeInto(meets->id, fakeInput);
    if (!fake)
        return invalidArgument(describe(*meets) + " has no input at \"fake\". Connect the generator's result.", meets->id);
    Adversary result;
    result.meeting = meets->id;
    result.objective = judges->id;
    result.fakeNode = fake->from;
    result.fakePort = fake->fromPort;
    for (const Node& node : graph.nodes) {
        if (reaches(graph, node.id, fake->from))
            result.generator.insert(node.id);
        const bool inside = node.id != meets->id && node.id != judges->id;
        if (inside && reaches(graph, meets->id, node.id) && reaches(graph, node.id, judges->id))
            result.between.insert(node.id);
    }
    return std::optional(std::move(result));
}

} // namespace gradloom::graph
