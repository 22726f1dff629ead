// What the canvas does with groups.
#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/group_editor.h"
#include "widgets/model/graph_actions.h"

#include "engine/graph/group_edits.h"

#include <algorithm>

namespace gradloom::widgets {

std::string CanvasView::currentGroup() const
{
    if (const std::string selected = m_scene->selectedGroup(); !selected.empty())
        return selected;
    std::string common;
    for (const auto& node : m_scene->selectedNodes()) {
        const graph::Group* group = model().graph().groupOf(node);
        if (!group || (!common.empty() && common != group->id))
            return {};
        common = group->id;
    }
    return common;
}

void CanvasView::showGroup(const std::string& id)
{
    m_scene->selectGroups({id});
    const GroupItem* item = m_scene->group(id);
    if (item && !visibleSceneRect().contains(item->area()))
        ensureVisible(item->area(), 60, 60);
}

void CanvasView::placeAdded(AddedNodes added, QPointF place)
{
    const GroupItem* frame = m_scene->frameAt(place);
    graph::Graph after = model().graph();
    if (!frame || !graph::apply(after, added.edit)) {
        applyAdded(added, place);
        return;
    }
    std::vector<std::string> free;
    for (const auto& id : added.ids)
        if (!after.groupOf(id))
            free.push_back(id);
    std::vector<graph::GraphEdit> both{added.edit, graph::moveToGroup(after, free, frame->id(), {})};
    std::string title = added.edit.title;
    added.edit = {graph::Composite{std::move(both)}, std::move(title)};
    applyAdded(added, place);
}

void CanvasView::groupSelected()
{
    const auto nodes = m_scene->chosenNodes();
    if (nodes.empty())
        return;
    const std::string id = graph::freshGroupId(model().graph());
    const auto edit =
        graph::groupNodes(model().graph(), nodes, tr("Block").toStdString(), tr("Group").toStdString());
    if (m_scene->edit(edit, visibleSceneRect().center()))
        m_scene->selectGroups({id});
}

void CanvasView::ungroupSelected()
{
    auto groups = m_scene->selectedGroups();
    if (const std::string current = currentGroup(); groups.empty() && !current.empty())
        groups.push_back(current);
    if (groups.empty())
        return;
    std::vector<std::string> freed;
    for (const auto& id : groups)
        for (const auto& node : model().graph().findGroup(id)->nodes)
            freed.push_back(node);
    if (m_scene->edit(graph::ungroup(model().graph(), groups, tr("Ungroup").toStdString()),
            visibleSceneRect().center()))
        m_scene->selectNodes(freed);
}

void CanvasView::foldSelected()
{
    const std::string id = currentGroup();
    if (id.empty())
        return;
    graph::Group changed = *model().graph().findGroup(id);
    changed.collapsed = !changed.collapsed;
    const auto edit = graph::changeGroup(model().graph(), changed,
        (changed.collapsed ? tr("Collapse block") : tr("Expand block")).toStdString());
    if (m_scene->edit(edit, visibleSceneRect().center()))
        showGroup(id);
}

void CanvasView::renameSelected()
{
    const std::string id = currentGroup();
    if (id.empty())
        return;
    showGroup(id);
    m_groupEditor->open(id, GroupItem::Part::Title);
}

void CanvasView::takeOutSelected()
{
    const auto nodes = m_scene->selectedNodes();
    const bool any = std::any_of(nodes.begin(), nodes.end(),
        [&](const std::string& node) { return model().graph().groupOf(node) != nullptr; });
    if (any)
        m_scene->edit(graph::moveToGroup(model().graph(), nodes, {}, tr("Take out of block").toStdString()),
            visibleSceneRect().center());
}

void CanvasView::walkBetweenLevels(int direction)
{
    const auto selected = m_scene->selectedNodes();
    if (direction < 0) {
        if (const std::string group = currentGroup(); !selected.empty() && !group.empty())
            showGroup(group);
        return;
    }
    const std::string group = m_scene->selectedGroup();
    const graph::Group* inside = model().graph().findGroup(group);
    if (inside && !inside->nodes.empty() && !inside->collapsed)
        showNode(inside->nodes.front());
}

} // namespace gradloom::widgets
