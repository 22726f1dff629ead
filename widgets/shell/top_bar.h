#pragma once

#include <QFrame>

class QLabel;
class QMenu;
class QToolButton;
class QPushButton;
class QAction;

namespace gradloom::widgets {

class PageSwitch;
class RunBar;

/// The bar over everything: menu, name, file, undo and redo; the pages in the middle of the window; device
/// and run at the right.
class TopBar : public QFrame
{
    Q_OBJECT
public:
    explicit TopBar(QWidget* parent = nullptr);

    PageSwitch& pages() { return *m_pages; }
    RunBar& runBar() { return *m_run; }
    void setMenu(QMenu* menu);
    void openMenu();
    void setUndoActions(QAction* undo, QAction* redo);
    void setFileName(const QString& name, bool modified, const QString& tip);
    void setDevice(const QString& name);
    QMenu& deviceMenu() { return *m_deviceMenu; }

protected:
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override;

private:
    void placePages();
    void refreshColours();

    QToolButton* m_menuButton;
    QLabel* m_brand;
    QLabel* m_file;
    QToolButton* m_undo;
    QToolButton* m_redo;
    PageSwitch* m_pages;
    QPushButton* m_device;
    QMenu* m_deviceMenu;
    RunBar* m_run;
    QWidget* m_left;
    QWidget* m_right;
    QString m_fileName;
};

} // namespace gradloom::widgets
