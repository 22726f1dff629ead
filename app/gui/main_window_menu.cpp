// The menu of the window. All actions also belong to the window itself, so that their shortcuts work
// everywhere.
#include "app/gui/main_window.h"
#include "app/gui/rate_dialog.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/inspector/inspector.h"
#include "widgets/palette/palette.h"
#include "widgets/shell/run_bar.h"
#include "widgets/shell/top_bar.h"
#include "widgets/theme/theme.h"

#include <QActionGroup>
#include <QApplication>
#include <QDir>
#include <QFileDialog>
#include <QMenu>
#include <QMessageBox>
#include <QSettings>
#include <QStandardPaths>

namespace gradloom::gui {

using namespace widgets;

QAction* MainWindow::addAction(
    QMenu& menu, const QString& text, const QKeySequence& keys, std::function<void()> run)
{
    QAction* action = menu.addAction(text);
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, std::move(run));
    QWidget::addAction(action);
    return action;
}

void MainWindow::buildMenu()
{
    auto* menu = new QMenu(this);
    buildFileMenu(*menu->addMenu(tr("&File")));
    buildEditMenu(*menu->addMenu(tr("&Edit")));
    buildViewMenu(*menu->addMenu(tr("&View")));
    buildRateEntry(*menu);
    buildHelpMenu(*menu->addMenu(tr("&Help")));
    menu->addSeparator();
    addAction(*menu, tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), [this] { close(); });
    m_top->setMenu(menu);

    auto* open = new QAction(tr("Menu"), this);
    open->setShortcut(Qt::Key_F10);
    connect(open, &QAction::triggered, m_top, &TopBar::openMenu);
    QWidget::addAction(open);
    auto* train = new QAction(tr("Train"), this);
    train->setShortcut(Qt::CTRL | Qt::Key_R);
    connect(train, &QAction::triggered, this, [this] {
        if (runBar().state() == RunBar::State::Idle && m_document->analysis().valid())
            Q_EMIT runBar().trainRequested();
    });
    QWidget::addAction(train);
}

void MainWindow::buildFileMenu(QMenu& menu)
{
    addAction(menu, tr("&New"), QKeySequence::New, [this] {
        if (mayDiscard())
            m_document->newProject();
    });
    addAction(menu, tr("&Open …"), QKeySequence::Open, [this] {
        const QString name = QFileDialog::getOpenFileName(this, tr("Open project"),
            toQString(m_document->path().parent_path()),
            tr("Gradloom projects (*.gradloom.json);;All files (*)"));
        if (!name.isEmpty())
            openProject(toPath(name));
    });
    QMenu* samples = menu.addMenu(tr("Open &sample"));
    connect(samples, &QMenu::aboutToShow, this, [this, samples] { fillSamples(*samples); });
    QMenu* recent = menu.addMenu(tr("Open &recent"));
    connect(recent, &QMenu::aboutToShow, this, [this, recent] { fillRecent(*recent); });
    menu.addSeparator();
    addAction(menu, tr("&Save"), QKeySequence::Save, [this] { save(); });
    addAction(menu, tr("Save &as …"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S), [this] { saveAs(); });
}

void MainWindow::buildEditMenu(QMenu& menu)
{
    QAction* undo = m_document->undoStack().createUndoAction(this, tr("Undo"));
    QAction* redo = m_document->undoStack().createRedoAction(this, tr("Redo"));
    undo->setShortcuts(QKeySequence::Undo);
    redo->setShortcuts({QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
    for (QAction* action : {undo, redo}) {
        menu.addAction(action);
        QWidget::addAction(action);
    }
    m_top->setUndoActions(undo, redo);
    menu.addSeparator();
    QList<QAction*> onCanvas;
    // These keys also mean something in text fields, where the canvas must not take them.
    const auto canvasAction = [&](const QString& text, const QKeySequence& keys, void (CanvasView::*slot)()) {
        QAction* action = menu.addAction(text);
        action->setShortcut(keys);
        action->setShortcutContext(Qt::WidgetShortcut);
        connect(action, &QAction::triggered, m_canvas, slot);
        m_canvas->addAction(action);
        onCanvas << action;
    };
    canvasAction(tr("Cu&t"), QKeySequence::Cut, &CanvasView::cutSelected);
    canvasAction(tr("&Copy"), QKeySequence::Copy, &CanvasView::copySelected);
    canvasAction(tr("&Paste"), QKeySequence::Paste, &CanvasView::paste);
    canvasAction(tr("D&uplicate"), QKeySequence(Qt::CTRL | Qt::Key_D), &CanvasView::duplicateSelected);
    canvasAction(tr("&Delete"), QKeySequence(Qt::Key_Delete), &CanvasView::removeSelected);
    onCanvas.last()->setShortcuts({QKeySequence(Qt::Key_Delete), QKeySequence(Qt::Key_Backspace)});
    menu.addSeparator();
    canvasAction(tr("&Group"), QKeySequence(Qt::CTRL | Qt::Key_G), &CanvasView::groupSelected);
    canvasAction(
        tr("U&ngroup"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_G), &CanvasView::ungroupSelected);
    canvasAction(
        tr("Collapse or &expand block"), QKeySequence(Qt::CTRL | Qt::Key_E), &CanvasView::foldSelected);
    canvasAction(tr("&Rename block"), QKeySequence(Qt::Key_F2), &CanvasView::renameSelected);
    canvasAction(tr("Take &out of block"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E),
        &CanvasView::takeOutSelected);
    menu.addSeparator();
    canvasAction(tr("Select &all"), QKeySequence::SelectAll, &CanvasView::selectAllNodes);
    canvasAction(tr("T&idy up"), QKeySequence(Qt::CTRL | Qt::Key_L), &CanvasView::tidyUp);
    m_canvas->setContextActions(onCanvas);
}

void MainWindow::buildViewMenu(QMenu& menu)
{
    QAction* fit = menu.addAction(tr("&Fit to window"));
    fit->setShortcuts({QKeySequence(Qt::Key_F), QKeySequence(Qt::CTRL | Qt::Key_0)});
    fit->setShortcutContext(Qt::WidgetShortcut);
    connect(fit, &QAction::triggered, m_canvas, &CanvasView::fit);
    m_canvas->addAction(fit);
    addAction(menu, tr("Zoom &in"), QKeySequence(Qt::CTRL | Qt::Key_Plus), [this] {
        m_canvas->zoomBy(1.25);
    })->setShortcuts({QKeySequence(Qt::CTRL | Qt::Key_Plus), QKeySequence(Qt::CTRL | Qt::Key_Equal)});
    addAction(
        menu, tr("Zoom &out"), QKeySequence(Qt::CTRL | Qt::Key_Minus), [this] { m_canvas->zoomBy(0.8); });
    addAction(
        menu, tr("&Actual size"), QKeySequence(Qt::CTRL | Qt::Key_1), [this] { m_canvas->resetZoom(); });
    menu.addSeparator();
    QMenu* themes = menu.addMenu(tr("&Theme"));
    auto* group = new QActionGroup(themes);
    for (const auto& [id, title] : availableThemes()) {
        QAction* action = themes->addAction(QCoreApplication::translate("Theme", title.toUtf8().constData()));
        action->setCheckable(true);
        action->setChecked(id == theme().id());
        group->addAction(action);
        connect(action, &QAction::triggered, this, [id] {
            setTheme(id);
            QSettings().setValue("theme", id);
        });
        connect(&theme(), &Theme::changed, action, [action, id] { action->setChecked(id == theme().id()); });
    }
    menu.addSeparator();
    const auto panel = [&](const QString& text, const QKeySequence& keys, bool MainWindow::*wanted) {
        QAction* action = addAction(menu, text, keys, [this, wanted] {
            this->*wanted = !(this->*wanted);
            applyPage();
        });
        action->setCheckable(true);
        action->setChecked(true);
    };
    panel(tr("&Palette"), QKeySequence(Qt::CTRL | Qt::Key_B), &MainWindow::m_paletteWanted);
    panel(tr("&Inspector"), QKeySequence(Qt::CTRL | Qt::Key_I), &MainWindow::m_inspectorWanted);
}

void MainWindow::buildRateEntry(QMenu& menu)
{
    QAction* entry = addAction(menu, {}, {}, [this] { findLearningRate(); });
    // Rates are tried on the chosen device; none is while the one of the last time is looked for.
    const auto refresh = [this, entry] {
        const bool waits = waitsForDevice();
        entry->setEnabled(!waits);
        entry->setText(
            waits ? tr("Find &learning rate (looking for GPUs…)") : tr("Find &learning rate …"));
    };
    connect(this, &MainWindow::deviceChanged, entry, refresh);
    refresh();
}

void MainWindow::buildHelpMenu(QMenu& menu)
{
    addAction(menu, tr("&About Gradloom"), {}, [this] { about(); });
}

void MainWindow::findLearningRate()
{
    if (const Status status = m_document->analysis().status(); !status) {
        showError(tr("The learning rate cannot be searched"), status.error().message);
        return;
    }
    RateDialog dialog({m_document->project(), m_document->path().parent_path(), device()}, this);
    if (dialog.exec() != QDialog::Accepted)
        return;
    const double rate = dialog.rate();
    m_document->editProject(tr("Set learning rate"),
        [rate](project::Project& project) { project.training.optimizer.params.set("learning_rate", rate); });
}

void MainWindow::fillRecent(QMenu& menu)
{
    menu.clear();
    for (const QString& file : QSettings().value("recent").toStringList())
        if (QFile::exists(file)) {
            QAction* action =
                menu.addAction(QFileInfo(file).fileName(), this, [this, file] { openProject(toPath(file)); });
            action->setToolTip(file);
        }
    menu.setToolTipsVisible(true);
    if (menu.isEmpty())
        menu.addAction(tr("No projects yet"))->setEnabled(false);
}

void MainWindow::fillSamples(QMenu& menu)
{
    menu.clear();
    QStringList folders{QStringLiteral(GRADLOOM_PROJECTS_DIR)};
    folders << QStandardPaths::locateAll(
        QStandardPaths::GenericDataLocation, "gradloom/projects", QStandardPaths::LocateDirectory);
    for (const QString& folder : folders) {
        const auto files = QDir(folder).entryInfoList({"*.gradloom.json"}, QDir::Files, QDir::Name);
        for (const auto& file : files) {
            const QString path = file.filePath();
            const auto loaded = project::loadProject(toPath(path));
            if (!loaded)
                continue;
            const QString name =
                loaded->name.empty() ? file.completeBaseName() : QString::fromStdString(loaded->name);
            QAction* action = menu.addAction(name, this, [this, path] { openProject(toPath(path)); });
            action->setToolTip(QString::fromStdString(loaded->description));
        }
        if (!files.isEmpty())
            break;
    }
    menu.setToolTipsVisible(true);
    if (menu.isEmpty())
        menu.addAction(tr("No samples are installed"))->setEnabled(false);
}

void MainWindow::about()
{
    QMessageBox box(this);
    box.setWindowTitle(tr("About Gradloom"));
    box.setIconPixmap(windowIcon().pixmap(64, 64));
    box.setText(QStringLiteral("<b>Gradloom %1</b>").arg(QStringLiteral(GRADLOOM_VERSION)));
    box.setInformativeText(
        tr("Draw neural networks, train them, watch what happens inside and see why they decide.\n\n"
           "Apache License 2.0. Built with Qt %1.")
            .arg(QString::fromLatin1(qVersion())));
    box.exec();
}

} // namespace gradloom::gui
