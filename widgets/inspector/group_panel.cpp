#include "widgets/inspector/group_panel.h"

#include "widgets/inspector/param_form.h"
#include "widgets/model/graph_text.h"

#include "engine/graph/expand.h"
#include "engine/graph/group_edits.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QVBoxLayout>

#include <algorithm>

namespace gradloom::widgets {

namespace {

std::vector<ParamSpec> groupOptions()
{
    return {integerParam("repeat", GroupPanel::tr("Repeat").toStdString(), 1, 1, graph::maxRepeat,
                GroupPanel::tr("So many copies of the block stand in a row, each with weights of its own.")
                    .toStdString()),
        switchParam("collapsed", GroupPanel::tr("Collapsed").toStdString(), false,
            GroupPanel::tr("Shows the block as one compact card.").toStdString())};
}

bool holds(const graph::Group& group, const std::string& node)
{
    return std::find(group.nodes.begin(), group.nodes.end(), node) != group.nodes.end();
}

/// Shapes of what crosses the block's border inwards, or outwards.
QString shapesAcross(const GraphModel& model, const graph::Group& group, bool inwards)
{
    QStringList shapes;
    const auto& nodes = model.analysis().expandedNodes;
    for (const auto& edge : model.graph().edges) {
        if (holds(group, edge.from) == inwards || holds(group, edge.to) != inwards)
            continue;
        const auto info = nodes.find(graph::sourceOf(model.graph(), edge));
        const auto port = static_cast<size_t>(edge.fromPort);
        if (info != nodes.end() && port < info->second.outputs.size())
            shapes << spacedShapeText(info->second.outputs[port]);
    }
    shapes.removeDuplicates();
    return shapes.join(QStringLiteral(", "));
}

} // namespace

GroupPanel::GroupPanel(GraphModel& model, QWidget* parent)
    : QWidget(parent), m_model(model), m_title(new QLineEdit), m_problem(new QLabel), m_form(new ParamForm)
{
    auto* heading = new QLabel(tr("Block"));
    heading->setProperty("look", "title");
    m_title->setProperty("look", "title");
    m_title->setObjectName("groupName");
    m_title->setAccessibleName(tr("Title of the block"));
    m_title->setToolTip(tr("The block's title; click to change it"));
    m_title->setMaxLength(60);
    m_problem->setProperty("look", "error");
    m_problem->setWordWrap(true);
    m_form->setSpecs(groupOptions());
    auto* header = new QHBoxLayout;
    header->setSpacing(6);
    header->addWidget(heading);
    header->addWidget(m_title, 1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(14, 14, 12, 14);
    layout->setSpacing(8);
    layout->addLayout(header);
    layout->addWidget(m_problem);
    layout->addSpacing(6);
    layout->addWidget(m_form);
    layout->addWidget(sectionLabel(tr("Together")));
    for (const QString& name :
        {tr("Layers"), tr("Input"), tr("Output"), tr("Parameters"), tr("Trainable"), tr("MFLOP / sample")}) {
        QLabel* value = valueLabel();
        value->setAccessibleName(name);
        m_totals.emplace_back(formRow(name, value), value);
        layout->addWidget(m_totals.back().first);
    }
    layout->addStretch(1);
    connect(m_form, &ParamForm::edited, this, &GroupPanel::setOption);
    connect(m_title, &QLineEdit::textEdited, this, [this](const QString& text) {
        const graph::Group* group = m_model.graph().findGroup(m_group);
        if (!group || text.trimmed().isEmpty())
            return;
        graph::Group changed = *group;
        changed.title = text.trimmed().toStdString();
        change(changed, tr("Rename block"), QStringLiteral("title"));
    });
    connect(&model, &GraphModel::analysisChanged, this, &GroupPanel::refresh);
}

void GroupPanel::setGroup(const std::string& group)
{
    if (group == m_group)
        return;
    m_group = group;
    ++m_editSession;
    refresh();
}

void GroupPanel::focusForm()
{
    if (QWidget* repeat = m_form->field("repeat"))
        repeat->setFocus(Qt::TabFocusReason);
}

void GroupPanel::refresh()
{
    const graph::Group* group = m_model.graph().findGroup(m_group);
    if (!group)
        return;
    const QString title = QString::fromStdString(group->title);
    if (m_title->text().trimmed() != title) {
        m_title->setText(title);
        m_title->setCursorPosition(0); // a long title is read from its beginning
    }
    const graph::Problem* problem = m_model.analysis().problemOfGroup(m_group);
    m_problem->setVisible(problem);
    m_problem->setText(problem ? QString::fromStdString(problem->message) : QString());
    m_form->setValues({{"repeat", int64_t{group->repeat}}, {"collapsed", group->collapsed}});
    showTotals(*group);
}

void GroupPanel::showTotals(const graph::Group& group)
{
    int64_t parameters = 0, trainable = 0, flops = 0;
    for (const auto& node : group.nodes)
        if (const auto info = m_model.analysis().nodes.find(node); info != m_model.analysis().nodes.end()) {
            parameters += info->second.parameters;
            trainable += info->second.trainable;
            flops += info->second.flops;
        }
    const auto count = static_cast<int64_t>(group.nodes.size());
    const QString layers = group.repeat == 1
                               ? fullCount(count)
                               : QStringLiteral("%1 × %2").arg(fullCount(count)).arg(group.repeat);
    const QString values[] = {layers, shapesAcross(m_model, group, true), shapesAcross(m_model, group, false),
        fullCount(parameters), fullCount(trainable), megaFlops(flops)};
    for (size_t i = 0; i < m_totals.size(); ++i) {
        const auto& [row, label] = m_totals[i];
        row->setVisible(!values[i].isEmpty());
        label->setText(values[i]);
        const bool cut = label->fontMetrics().horizontalAdvance(values[i]) > fieldWidth - 20;
        label->setToolTip(cut ? values[i] : QString());
    }
}

void GroupPanel::change(const graph::Group& changed, const QString& title, const QString& mergeKey)
{
    const QString merge =
        QStringLiteral("%1/%2/%3").arg(QString::fromStdString(m_group), mergeKey).arg(m_editSession);
    const Status status =
        m_model.edit(graph::changeGroup(m_model.graph(), changed, title.toStdString()), merge);
    if (!status) {
        m_problem->setText(QString::fromStdString(status.error().message));
        m_problem->show();
    }
}

void GroupPanel::setOption(const std::string& key, const ParamValue& value)
{
    const graph::Group* group = m_model.graph().findGroup(m_group);
    if (!group)
        return;
    graph::Group changed = *group;
    if (key == "repeat")
        changed.repeat = static_cast<int>(std::get<int64_t>(value));
    else
        changed.collapsed = std::get<bool>(value);
    change(changed,
        key == "repeat"     ? tr("Repeat block")
        : changed.collapsed ? tr("Collapse block")
                            : tr("Expand block"),
        QString::fromStdString(key));
}

} // namespace gradloom::widgets
