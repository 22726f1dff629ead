#include "widgets/inspector/layer_panel.h"

#include "widgets/inspector/param_form.h"
#include "widgets/model/graph_text.h"
#include "widgets/theme/theme.h"

#include "engine/layers/layer_type.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPainter>
#include <QStyle>
#include <QVBoxLayout>

namespace gradloom::widgets {

namespace {

constexpr int shapeRowCount = 4;

QPixmap dotPixmap(const QColor& colour, qreal ratio)
{
    QPixmap pixmap(QSize(11, 11) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    painter.drawRoundedRect(QRectF(1, 1, 10, 10), 3, 3);
    return pixmap;
}

QLabel* wrappedLabel(const char* look)
{
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setProperty("look", look);
    label->hide();
    return label;
}

} // namespace

LayerPanel::LayerPanel(GraphModel& model, QWidget* parent)
    : QWidget(parent), m_model(model), m_dot(new QLabel), m_title(new QLabel), m_name(new QLineEdit),
      m_help(wrappedLabel("dim")), m_problem(wrappedLabel("error")), m_form(new ParamForm),
      m_shapeHeading(sectionLabel(tr("Shape"))), m_shape(new QWidget),
      m_howHeading(sectionLabel(tr("How it works"))), m_formula(wrappedLabel("formula"))
{
    m_title->setProperty("look", "title");
    m_name->setProperty("look", "title");
    m_name->setObjectName("nodeName");
    m_name->setAccessibleName(tr("Name of the layer"));
    m_name->setToolTip(tr("The layer's name in the file and of its weights; click to change it"));
    m_formula->setObjectName("formula");

    auto* header = new QHBoxLayout;
    header->setSpacing(6);
    header->addWidget(m_dot);
    header->addWidget(m_title);
    header->addWidget(m_name, 1);
    auto* shapeLayout = new QVBoxLayout(m_shape);
    shapeLayout->setContentsMargins(0, 0, 0, 0);
    shapeLayout->setSpacing(8);
    for (int i = 0; i < shapeRowCount; ++i) {
        QLabel* value = valueLabel();
        QWidget* row = formRow(QString(), value);
        m_shapeRows.emplace_back(row->findChild<QLabel*>(), value);
        shapeLayout->addWidget(row);
    }
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(14, 14, 12, 14);
    layout->setSpacing(8);
    layout->addLayout(header);
    layout->addWidget(m_help);
    layout->addWidget(m_problem);
    layout->addSpacing(6);
    for (QWidget* part :
        std::initializer_list<QWidget*>{m_form, m_shapeHeading, m_shape, m_howHeading, m_formula})
        layout->addWidget(part);
    layout->addStretch(1);

    connect(m_form, &ParamForm::edited, this, &LayerPanel::setParameter);
    connect(m_name, &QLineEdit::editingFinished, this, &LayerPanel::rename);
    connect(&model, &GraphModel::analysisChanged, this, &LayerPanel::refresh);
    connect(&model, &GraphModel::projectChanged, this, &LayerPanel::refresh);
    connect(&theme(), &Theme::changed, this, &LayerPanel::refresh);
    refresh();
}

void LayerPanel::setSelection(const std::vector<std::string>& nodes)
{
    if (nodes == m_selection)
        return;
    m_selection = nodes;
    ++m_editSession;
    refresh();
}

void LayerPanel::focusForm()
{
    m_form->setFocus();
    if (QWidget* first = m_form->nextInFocusChain(); first && m_form->isAncestorOf(first))
        first->setFocus(Qt::TabFocusReason);
}

void LayerPanel::refresh()
{
    const graph::Node* node = m_selection.size() == 1 ? m_model.graph().find(m_selection[0]) : nullptr;
    if (node)
        showNode(*node);
    else
        showModel();
}

void LayerPanel::showNode(const graph::Node& node)
{
    const auto* type = layers::layerTypes().find(node.type);
    if (!type)
        return;
    m_dot->setPixmap(dotPixmap(theme().category(type->category), devicePixelRatioF()));
    m_dot->show();
    m_title->setText(QString::fromStdString(type->title));
    m_name->show();
    if (!m_name->hasFocus() || !m_name->isModified()) {
        m_name->setText(QString::fromStdString(node.id));
        m_name->setCursorPosition(0); // a long one shows its beginning
    }
    m_help->setText(QString::fromStdString(type->help));
    m_help->setVisible(!type->help.empty());

    const auto known = m_model.analysis().nodes.find(node.id);
    const graph::NodeInfo info = known == m_model.analysis().nodes.end() ? graph::NodeInfo() : known->second;
    m_form->setSpecs(type->parameters);
    m_form->setValues(info.params.size() > 0 ? info.params : node.params);
    m_form->setVisible(!type->parameters.empty());

    const graph::Problem* problem = m_model.analysis().problemOf(node.id);
    m_problem->setVisible(problem);
    m_problem->setText(problem ? QString::fromStdString(problem->message) : QString());

    std::vector<std::pair<QString, QString>> rows;
    const auto shapes = [](const std::vector<TensorType>& types) {
        QStringList texts;
        for (const auto& tensor : types)
            if (tensor.shape.rank() > 0)
                texts << spacedShapeText(tensor);
        return texts.join(QStringLiteral(", "));
    };
    if (const QString in = shapes(info.inputs); !in.isEmpty())
        rows.emplace_back(info.inputs.size() > 1 ? tr("Inputs") : tr("Input"), in);
    if (const QString out = shapes(info.outputs); !out.isEmpty())
        rows.emplace_back(tr("Output"), out);
    if (known != m_model.analysis().nodes.end() && !problem && type->role != layers::Role::Data) {
        // Of a repeated layer all copies are counted, as in the sums.
        rows.emplace_back(info.repeat == 1 ? tr("Parameters") : tr("Parameters of %1").arg(info.repeat),
            fullCount(info.parameters));
        rows.emplace_back(tr("MFLOP / sample"), megaFlops(info.flops));
    }
    showShape(rows);
    m_howHeading->setVisible(!type->formula.empty());
    m_formula->setVisible(!type->formula.empty());
    m_formula->setText(QString::fromStdString(type->formula));
    QFont serif = theme().font(14);
    serif.setFamilies({"STIX Two Text", "DejaVu Serif", "serif"});
    m_formula->setFont(serif);
}

void LayerPanel::showModel()
{
    const auto& project = m_model.project();
    const auto& analysis = m_model.analysis();
    m_dot->hide();
    m_name->hide();
    m_problem->hide();
    m_howHeading->hide();
    m_formula->hide();
    m_form->setVisible(false);
    m_help->show();
    if (m_selection.size() > 1) {
        m_title->setText(tr("%1 layers selected").arg(m_selection.size()));
        m_help->setText(tr("Select a single layer to see its options."));
        int64_t parameters = 0, flops = 0;
        for (const auto& id : m_selection)
            if (const auto info = analysis.nodes.find(id); info != analysis.nodes.end()) {
                parameters += info->second.parameters;
                flops += info->second.flops;
            }
        showShape({{tr("Parameters"), fullCount(parameters)}, {tr("MFLOP / sample"), megaFlops(flops)}});
        return;
    }
    m_title->setText(project.name.empty() ? tr("Model") : QString::fromStdString(project.name));
    m_help->setText(project.graph.nodes.empty()
                        ? tr("Drag a layer from the left onto the canvas, or double-click it, to begin.")
                        : tr("Select a layer to see and change its options."));
    if (project.graph.nodes.empty()) {
        showShape({});
        return;
    }
    showShape({{tr("Layers"), fullCount(static_cast<int64_t>(analysis.expanded.nodes.size()))},
        {tr("Parameters"), fullCount(analysis.parameters)}, {tr("Trainable"), fullCount(analysis.trainable)},
        {tr("MFLOP / sample"), megaFlops(analysis.flops)}});
}

void LayerPanel::showShape(const std::vector<std::pair<QString, QString>>& rows)
{
    m_shapeHeading->setText(m_selection.size() == 1 ? tr("SHAPE") : tr("MODEL"));
    m_shapeHeading->setVisible(!rows.empty());
    m_shape->setVisible(!rows.empty());
    for (size_t i = 0; i < m_shapeRows.size(); ++i) {
        const auto& [label, value] = m_shapeRows[i];
        label->parentWidget()->setVisible(i < rows.size());
        if (i >= rows.size())
            continue;
        label->setText(rows[i].first);
        value->setText(rows[i].second);
        value->setAccessibleName(rows[i].first);
        value->setToolTip(value->fontMetrics().horizontalAdvance(rows[i].second) > fieldWidth - 20
                              ? rows[i].second
                              : QString());
    }
}

void LayerPanel::rename()
{
    if (m_selection.size() != 1)
        return;
    const std::string id = m_selection[0];
    const std::string wanted = m_name->text().trimmed().toStdString();
    m_name->setModified(false);
    if (wanted == id || wanted.empty()) {
        m_name->setText(QString::fromStdString(id));
        return;
    }
    m_selection = {wanted};
    const Status status = m_model.edit({graph::RenameNode{id, wanted}, tr("Rename").toStdString()});
    if (!status) {
        m_selection = {id};
        m_name->setText(QString::fromStdString(id));
        refresh();
        m_problem->setText(QString::fromStdString(status.error().message));
        m_problem->show();
        return;
    }
    Q_EMIT renamed(wanted);
}

void LayerPanel::setParameter(const std::string& key, const ParamValue& value)
{
    if (m_selection.size() != 1)
        return;
    const graph::Node* node = m_model.graph().find(m_selection[0]);
    if (!node)
        return;
    const auto* type = layers::layerTypes().find(node->type);
    QString title = QString::fromStdString(key);
    for (const auto& spec : type->parameters)
        if (spec.key == key)
            title = QString::fromStdString(spec.title);
    const QString merge = QStringLiteral("%1/%2/%3")
                              .arg(QString::fromStdString(node->id), QString::fromStdString(key))
                              .arg(m_editSession);
    const Status status = m_model.edit(
        {graph::SetParameter{node->id, key, value}, tr("Change %1").arg(title).toStdString()}, merge);
    if (!status) {
        m_problem->setText(QString::fromStdString(status.error().message));
        m_problem->show();
    }
}

} // namespace gradloom::widgets
