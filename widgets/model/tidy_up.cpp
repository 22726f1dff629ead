#include "widgets/model/graph_actions.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

namespace gradloom::widgets {

using graph::Graph;
using graph::Group;
using graph::Position;

namespace {

constexpr double between = 40; ///< two things below each other

double roundedUp(double value)
{
    return std::ceil(value / 10) * 10;
}

/// Things in the order in which values flow, their sizes, and where they go.
struct Layout
{
    Graph things; ///< nodes and edges among them; a node may stand for a whole group
    std::map<std::string, QSizeF> sizes;
    std::map<std::string, double> heads; ///< height of a frame's title above what is in it
    std::map<std::string, Position> places;
    QSizeF size;
};

/// The column of a thing is one behind its furthest input, so that branches stand below each other.
std::vector<std::vector<std::string>> columnsOf(const Graph& things)
{
    std::vector<size_t> order = graph::topologicalOrder(things);
    std::vector<bool> placed(things.nodes.size(), false);
    for (const size_t index : order)
        placed[index] = true;
    for (size_t i = 0; i < things.nodes.size(); ++i)
        if (!placed[i])
            order.push_back(i);
    std::map<std::string, size_t> columns;
    std::vector<std::vector<std::string>> table;
    for (const size_t index : order) {
        const std::string& id = things.nodes[index].id;
        size_t column = 0;
        for (const auto& edge : things.edges)
            if (edge.to == id && columns.count(edge.from))
                column = std::max(column, columns[edge.from] + 1);
        columns[id] = column;
        table.resize(std::max(table.size(), column + 1));
        table[column].push_back(id);
    }
    return table;
}

double widthOf(const Layout& layout, const std::vector<std::string>& column)
{
    double width = 0;
    for (const auto& id : column)
        width = std::max(width, layout.sizes.at(id).width());
    return width;
}

/// Places columns side by side and returns what they cover. Frames stand higher by their titles, so that the
/// nodes in them are in line with those beside them.
QSizeF placeRow(Layout& layout, std::span<const std::vector<std::string>> columns, double top)
{
    double head = 0;
    for (const auto& column : columns)
        head = std::max(head, layout.heads[column.front()]);
    double x = 0, right = 0, bottom = top;
    for (const auto& column : columns) {
        double y = top + head - layout.heads[column.front()];
        for (const auto& id : column) {
            layout.places[id] = {x, y};
            bottom = std::max(bottom, y + layout.sizes[id].height());
            y += roundedUp(layout.sizes[id].height() + between);
        }
        right = x + widthOf(layout, column);
        x += roundedUp(right - x + nodeGap);
    }
    return {right, bottom - top};
}

void place(Layout& layout, double width)
{
    const auto table = columnsOf(layout.things);
    double top = 0, right = 0, bottom = 0;
    for (size_t first = 0; first < table.size();) {
        size_t last = first + 1;
        double x = roundedUp(widthOf(layout, table[first]) + nodeGap);
        for (; last < table.size() && x + widthOf(layout, table[last]) <= width; ++last)
            x += roundedUp(widthOf(layout, table[last]) + nodeGap);
        const QSizeF row = placeRow(layout, std::span(table).subspan(first, last - first), top);
        right = std::max(right, row.width());
        bottom = top + row.height();
        top += roundedUp(row.height() + between);
        first = last;
    }
    layout.size = {right, bottom};
}

/// A group laid out by itself.
Layout layoutOf(const Graph& graph, const Group& group, const NodeSizes& sizes, double width)
{
    Layout layout;
    const auto holds = [&](const std::string& id) {
        return std::find(group.nodes.begin(), group.nodes.end(), id) != group.nodes.end();
    };
    for (const auto& node : graph.nodes)
        if (holds(node.id)) {
            layout.things.nodes.push_back(node);
            layout.sizes[node.id] = sizes(node.id);
        }
    for (const auto& edge : graph.edges)
        if (holds(edge.from) && holds(edge.to))
            layout.things.edges.push_back(edge);
    place(layout, width);
    return layout;
}

/// The drawing with each group as one thing, named by its first node.
Layout outerLayout(const Graph& graph, const std::map<std::string, Layout>& groups, const NodeSizes& sizes,
    const NodeSizes& blockSizes)
{
    Layout outer;
    std::map<std::string, std::string> thingOf;
    for (const auto& node : graph.nodes) {
        const Group* group = graph.groupOf(node.id);
        thingOf[node.id] = group ? group->nodes.front() : node.id;
        if (thingOf[node.id] != node.id)
            continue;
        outer.things.nodes.push_back(node);
        QSizeF size = group && group->collapsed ? blockSizes(group->id) : sizes(node.id);
        if (group && !group->collapsed) {
            outer.heads[node.id] = roundedUp(frameHeader);
            size = groups.at(group->id).size + QSizeF(2 * frameMargin, roundedUp(frameHeader) + frameMargin);
        }
        outer.sizes[node.id] = size;
    }
    for (const auto& edge : graph.edges)
        if (thingOf[edge.from] != thingOf[edge.to])
            outer.things.edges.push_back({thingOf[edge.from], 0, thingOf[edge.to], 0});
    return outer;
}

} // namespace

graph::GraphEdit tidyUp(const Graph& graph, const NodeSizes& sizes, const NodeSizes& blockSizes, double width)
{
    std::map<std::string, Layout> groups;
    for (const auto& group : graph.groups)
        groups.emplace(group.id, layoutOf(graph, group, sizes, width - 2 * frameMargin));
    Layout outer = outerLayout(graph, groups, sizes, blockSizes);
    place(outer, width);
    std::vector<graph::GraphEdit> moves;
    for (const auto& node : graph.nodes) {
        const Group* group = graph.groupOf(node.id);
        Position place = outer.places[group ? group->nodes.front() : node.id];
        if (group) {
            const Position within = groups.at(group->id).places[node.id];
            place.x += within.x + (group->collapsed ? 0 : frameMargin);
            place.y += within.y + (group->collapsed ? 0 : roundedUp(frameHeader));
        }
        moves.push_back({graph::MoveNode{node.id, place}, {}});
    }
    const QString title = QCoreApplication::translate("GraphActions", "Tidy up");
    return {graph::Composite{std::move(moves)}, title.toStdString()};
}

} // namespace gradloom::widgets
