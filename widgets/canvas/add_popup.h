#pragma once

#include <QFrame>

class QLineEdit;

namespace gradloom::widgets {

class LayerListView;

/// A small search over the layer types that opens where the hand is: type, Enter, done. Deletes itself when
/// closed.
class AddPopup : public QFrame
{
    Q_OBJECT
public:
    explicit AddPopup(QWidget* parent);
    void openAt(const QPoint& globalPosition);

Q_SIGNALS:
    void layerChosen(const std::string& type);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void choose();

    QLineEdit* m_search;
    LayerListView* m_list;
};

} // namespace gradloom::widgets
