#include "widgets/live/live_view.h"

#include "engine/base/registry.h"

namespace gradloom::widgets {

const std::vector<LiveViewType>& liveViewTypes()
{
    static const std::vector<LiveViewType> types = [] {
        // The registry refuses a repeated id.
        std::vector<LiveViewType> all = Registry<LiveViewType>(allLiveViewTypes()).all();
        std::stable_sort(all.begin(), all.end(),
            [](const LiveViewType& a, const LiveViewType& b) { return a.order < b.order; });
        return all;
    }();
    return types;
}

} // namespace gradloom::widgets
