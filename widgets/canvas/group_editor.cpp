#include "widgets/canvas/group_editor.h"

#include "widgets/canvas/canvas_view.h"

#include "engine/graph/group_edits.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QSpinBox>

namespace gradloom::widgets {

GroupEditor::GroupEditor(CanvasView& view)
    : QObject(&view), m_view(view), m_title(new QLineEdit(view.viewport())),
      m_repeat(new QSpinBox(view.viewport()))
{
    m_title->setObjectName("groupTitle");
    m_title->setAccessibleName(tr("Title of the block"));
    m_title->setMaxLength(60);
    m_repeat->setObjectName("groupRepeat");
    m_repeat->setAccessibleName(tr("Number of repetitions"));
    m_repeat->setRange(1, graph::maxRepeat);
    m_repeat->setPrefix(QStringLiteral("× "));
    m_repeat->setButtonSymbols(QAbstractSpinBox::NoButtons); // arrow keys and the wheel count
    for (QWidget* widget : {static_cast<QWidget*>(m_title), static_cast<QWidget*>(m_repeat)}) {
        widget->setProperty("look", "inplace");
        widget->setCursor(Qt::ArrowCursor);
        widget->installEventFilter(this);
        widget->hide();
    }
}

QWidget* GroupEditor::field() const
{
    if (m_part == GroupItem::Part::None)
        return nullptr;
    return m_part == GroupItem::Part::Repeat ? static_cast<QWidget*>(m_repeat) : m_title;
}

bool GroupEditor::isOpen() const
{
    return field() != nullptr;
}

void GroupEditor::open(const std::string& id, GroupItem::Part part)
{
    close(true);
    const graph::Group* group = m_view.model().graph().findGroup(id);
    if (!group)
        return;
    m_group = id;
    m_part = part;
    m_title->setText(QString::fromStdString(group->title));
    m_title->selectAll();
    m_repeat->setValue(group->repeat);
    m_repeat->selectAll();
    place();
    field()->show();
    field()->raise();
    field()->setFocus();
}

void GroupEditor::place()
{
    const GroupItem* item = m_view.canvasScene().group(m_group);
    if (!isOpen() || !item)
        return;
    const QRect part = m_view.mapFromScene(item->partRect(m_part)).boundingRect();
    const int width = m_part == GroupItem::Part::Repeat ? 82 : std::max(150, part.width() + 40);
    constexpr int height = 26;
    const int left = m_part == GroupItem::Part::Repeat ? part.left() : part.left() - 6;
    field()->setGeometry(left, part.center().y() - height / 2, width, height);
}

void GroupEditor::close(bool keep)
{
    QWidget* shown = field();
    if (!shown)
        return;
    const auto part = m_part;
    m_part = GroupItem::Part::None; // hiding the field takes the focus from it, which would come back here
    const bool focused = shown->hasFocus();
    shown->hide();
    if (focused)
        m_view.setFocus();
    const graph::Graph& graph = m_view.model().graph();
    const graph::Group* group = graph.findGroup(m_group);
    if (!keep || !group)
        return;
    graph::Group changed = *group;
    if (part == GroupItem::Part::Repeat)
        changed.repeat = m_repeat->value();
    else
        changed.title = m_title->text().trimmed().toStdString();
    if (changed == *group || (part != GroupItem::Part::Repeat && changed.title.empty()))
        return;
    const QString title = part == GroupItem::Part::Repeat ? tr("Repeat block") : tr("Rename block");
    const GroupItem* item = m_view.canvasScene().group(m_group);
    m_view.canvasScene().edit(
        graph::changeGroup(graph, changed, title.toStdString()), item ? item->pos() : QPointF());
}

bool GroupEditor::eventFilter(QObject* watched, QEvent* event)
{
    if (watched != field())
        return false;
    if (event->type() == QEvent::FocusOut) {
        close(true);
        return false;
    }
    if (event->type() != QEvent::KeyPress)
        return false;
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key != Qt::Key_Return && key != Qt::Key_Enter && key != Qt::Key_Escape)
        return false;
    if (key != Qt::Key_Escape)
        m_repeat->interpretText();
    close(key != Qt::Key_Escape);
    return true;
}

} // namespace gradloom::widgets
