#pragma once

#include "widgets/canvas/canvas_scene.h"

class QLineEdit;
class QSpinBox;

namespace gradloom::widgets {

class CanvasView;

/// Edits a group's title or its number of repetitions in its place on the canvas: Enter or leaving the field
/// keeps what was typed, Escape does not.
class GroupEditor : public QObject
{
    Q_OBJECT
public:
    explicit GroupEditor(CanvasView& view);
    void open(const std::string& group, GroupItem::Part part);
    /// Follows the group when the view moves.
    void place();
    bool isOpen() const;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void close(bool keep);
    QWidget* field() const;

    CanvasView& m_view;
    QLineEdit* m_title;
    QSpinBox* m_repeat;
    std::string m_group;
    GroupItem::Part m_part = GroupItem::Part::None;
};

} // namespace gradloom::widgets
