#pragma once

#include <QFrame>
#include <QMap>

class QButtonGroup;
class QHBoxLayout;

namespace gradloom::widgets {

/// The pages as one control of segments; one is chosen. Left and right walk through them.
class PageSwitch : public QFrame
{
    Q_OBJECT
public:
    explicit PageSwitch(QWidget* parent = nullptr);
    void addPage(int page, const QString& title, const QString& help = {});
    int current() const { return m_current; }
    void setCurrent(int page);

Q_SIGNALS:
    void pageChosen(int page);

private:
    QButtonGroup* m_group;
    QHBoxLayout* m_layout;
    int m_current = -1;
};

} // namespace gradloom::widgets
