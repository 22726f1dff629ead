#pragma once

#include "app/gui/document.h"

#include <QMainWindow>
#include <QMap>

#include <functional>

class QMenu;
class QSplitter;
class QStackedWidget;

namespace gradloom::widgets {
class CanvasView;
class Inspector;
class Palette;
class RunBar;
class StatusLine;
class TopBar;
} // namespace gradloom::widgets

namespace gradloom::gui {

class DeviceMenu;

/// The window: bar, palette, canvas, inspector, status line, and the pages beside Build that are given to it.
class MainWindow : public QMainWindow
{
    Q_OBJECT
public:
    enum class Page { Build, Train, Explain };

    explicit MainWindow(QWidget* parent = nullptr);
    ~MainWindow() override;

    Document& document() { return *m_document; }
    widgets::CanvasView& canvas() { return *m_canvas; }
    widgets::Inspector& inspector() { return *m_inspector; }
    widgets::Palette& palette() { return *m_palette; }
    widgets::RunBar& runBar();
    widgets::StatusLine& statusLine() { return *m_status; }
    widgets::TopBar& topBar() { return *m_top; }

    /// Gives the window a page: `make` is called once, when the page is first shown, so that starting stays
    /// quick. The Train page stands below the canvas, Explain takes its place. A page that is not given is
    /// not shown.
    void addPage(Page page, std::function<QWidget*()> make);
    void showPage(Page page);
    Page page() const { return m_page; }
    /// The page's widget, made now if need be; nullptr for Build and for pages that were not given.
    QWidget* pageWidget(Page page);

    /// Id of the device to train on, as in backend::devices().
    const std::string& device() const;
    /// Whether the device of the last time is still looked for; deviceChanged() ends it, in a moment.
    bool waitsForDevice() const;

    /// Opens a project after asking about unsaved changes; what goes wrong is shown. Returns whether it is
    /// open now.
    bool openProject(const std::filesystem::path& path);
    bool save();
    bool saveAs();
    /// Offers what a crash left behind.
    void offerRecovery();
    /// The project that was open last, or an empty one.
    void openLast();

Q_SIGNALS:
    void pageChanged(gradloom::gui::MainWindow::Page page);
    void deviceChanged(const std::string& device);

protected:
    void closeEvent(QCloseEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    void buildWidgets();
    void connectWidgets();
    void buildMenu();
    void buildFileMenu(QMenu& menu);
    void buildEditMenu(QMenu& menu);
    void buildViewMenu(QMenu& menu);
    void buildRateEntry(QMenu& menu);
    void buildHelpMenu(QMenu& menu);
    QAction* addAction(QMenu& menu, const QString& text, const QKeySequence& keys, std::function<void()> run);
    void fillRecent(QMenu& menu);
    void fillSamples(QMenu& menu);
    void about();
    void findLearningRate();
    void refreshTitle();
    void refreshStatus();
    void refreshSelection();
    void applyPage();
    void remember(const std::filesystem::path& path);
    bool mayDiscard();
    void showError(const QString& what, const std::string& message);
    void restoreLayout();
    void storeLayout();

    Document* m_document;
    widgets::TopBar* m_top = nullptr;
    widgets::Palette* m_palette = nullptr;
    widgets::CanvasView* m_canvas = nullptr;
    widgets::Inspector* m_inspector = nullptr;
    widgets::StatusLine* m_status = nullptr;
    DeviceMenu* m_devices = nullptr;
    QStackedWidget* m_body = nullptr;
    QSplitter* m_columns = nullptr;
    QSplitter* m_rows = nullptr;
    QMap<Page, std::function<QWidget*()>> m_makers;
    QMap<Page, QWidget*> m_pages;
    Page m_page = Page::Build;
    bool m_paletteWanted = true;
    bool m_inspectorWanted = true;
    bool m_shown = false;
};

} // namespace gradloom::gui
