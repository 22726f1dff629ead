#pragma once

#include <QFrame>

class QLineEdit;

namespace gradloom::widgets {

class LayerListView;

/// The layers to drag or double-click, with a search field above.
class Palette : public QFrame
{
    Q_OBJECT
public:
    explicit Palette(QWidget* parent = nullptr);
    LayerListView& list() { return *m_list; }
    QLineEdit& searchField() { return *m_search; }

Q_SIGNALS:
    /// Double-click or Enter: to be appended after what is selected.
    void layerChosen(const std::string& type);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QLineEdit* m_search;
    LayerListView* m_list;
};

} // namespace gradloom::widgets
