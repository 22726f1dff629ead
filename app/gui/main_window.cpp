#include "app/gui/main_window.h"

#include "app/gui/autosave.h"
#include "app/gui/device_menu.h"
#include "app/gui/memory_estimate.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/inspector/inspector.h"
#include "widgets/inspector/layer_panel.h"
#include "widgets/palette/layer_list.h"
#include "widgets/palette/palette.h"
#include "widgets/shell/page_switch.h"
#include "widgets/shell/run_bar.h"
#include "widgets/shell/status_line.h"
#include "widgets/shell/top_bar.h"
#include "widgets/theme/theme.h"

#include <QAbstractButton>
#include <QCloseEvent>
#include <QFileDialog>
#include <QMessageBox>
#include <QSettings>
#include <QSplitter>
#include <QStackedWidget>
#include <QTime>
#include <QTimer>
#include <QVBoxLayout>

namespace gradloom::gui {

using namespace widgets;

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent), m_document(new Document(this))
{
    setWindowIcon(QIcon(QStringLiteral(":/gradloom/icons/gradloom.svg")));
    buildWidgets();
    buildMenu();
    connectWidgets();
    restoreLayout();
    refreshTitle();
    refreshStatus();
    refreshSelection();
}

MainWindow::~MainWindow()
{
    // Widgets that go may change selection and focus; the document must still be there, and nobody may
    // listen.
    m_canvas->canvasScene().disconnect(this);
}

RunBar& MainWindow::runBar()
{
    return m_top->runBar();
}

const std::string& MainWindow::device() const
{
    return m_devices->device();
}

bool MainWindow::waitsForDevice() const
{
    return m_devices->waiting();
}

void MainWindow::buildWidgets()
{
    m_top = new TopBar;
    m_palette = new Palette;
    m_canvas = new CanvasView(*m_document);
    m_inspector = new Inspector(*m_document);
    m_status = new StatusLine;
    m_devices = new DeviceMenu(m_top->deviceMenu());
    m_top->setDevice(m_devices->title());
    m_rows = new QSplitter(Qt::Vertical);
    m_rows->addWidget(m_canvas);
    m_columns = new QSplitter(Qt::Horizontal);
    m_columns->addWidget(m_palette);
    m_columns->addWidget(m_rows);
    m_columns->addWidget(m_inspector);
    for (auto* splitter : {m_rows, m_columns}) {
        splitter->setHandleWidth(1);
        splitter->setChildrenCollapsible(false);
    }
    m_columns->setStretchFactor(0, 0);
    m_columns->setStretchFactor(1, 1);
    m_columns->setStretchFactor(2, 0);
    m_columns->setSizes({196, 1131, 273});
    m_body = new QStackedWidget;
    m_body->addWidget(m_columns);

    auto* central = new QWidget;
    auto* layout = new QVBoxLayout(central);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_top);
    layout->addWidget(m_body, 1);
    layout->addWidget(m_status);
    setCentralWidget(central);
    m_top->pages().addPage(static_cast<int>(Page::Build), tr("Build"), tr("Draw the network"));
    m_top->pages().setCurrent(static_cast<int>(Page::Build));
}

void MainWindow::connectWidgets()
{
    connect(m_document, &Document::titleChanged, this, &MainWindow::refreshTitle);
    connect(m_document, &Document::analysisChanged, this, &MainWindow::refreshStatus);
    connect(m_document, &Document::projectReplaced, this, [this] {
        m_canvas->clearActivations();
        m_canvas->fit();
        m_status->setMessage({});
    });
    connect(m_document, &Document::autosaved, this,
        [this] { m_status->setMessage(tr("Autosaved %1").arg(QTime::currentTime().toString("HH:mm"))); });
    connect(m_document, &Document::autosaveFailed, this,
        [this](const QString& message) { m_status->setMessage(tr("Not autosaved: %1").arg(message)); });
    connect(
        &m_canvas->canvasScene(), &CanvasScene::nodeSelectionChanged, this, &MainWindow::refreshSelection);
    connect(m_canvas, &CanvasView::inspectRequested, this, [this] {
        m_inspector->showTab(Inspector::Layer);
        m_inspector->focusForm();
    });
    auto* memory = new MemoryEstimate(*m_document);
    connect(memory, &MemoryEstimate::changed, m_status, &StatusLine::setMemory);
    connect(this, &MainWindow::deviceChanged, memory, &MemoryEstimate::setDevice);
    connect(m_devices, &DeviceMenu::chosen, this, [this] {
        m_top->setDevice(m_devices->title());
        Q_EMIT deviceChanged(device());
    });
    connect(m_devices, &DeviceMenu::missing, m_status, &StatusLine::setMessage);
    connect(m_palette, &widgets::Palette::layerChosen, m_canvas, &CanvasView::appendLayer);
    connect(m_status, &StatusLine::problemClicked, m_canvas, &CanvasView::showNode);
    connect(&m_top->pages(), &PageSwitch::pageChosen, this,
        [this](int page) { showPage(static_cast<Page>(page)); });
}

void MainWindow::addPage(Page page, std::function<QWidget*()> make)
{
    static const QMap<Page, QPair<QString, QString>> titles{
        {Page::Train, {tr("Train"), tr("Train the network and watch it")}},
        {Page::Explain, {tr("Explain"), tr("See why the network decides as it does")}}};
    m_makers[page] = std::move(make);
    m_top->pages().addPage(static_cast<int>(page), titles[page].first, titles[page].second);
}

QWidget* MainWindow::pageWidget(Page page)
{
    if (m_pages.contains(page))
        return m_pages[page];
    if (!m_makers.contains(page))
        return nullptr;
    QWidget* widget = m_makers[page]();
    m_pages[page] = widget;
    if (page == Page::Train) {
        m_rows->addWidget(widget);
        m_rows->setStretchFactor(0, 1);
        m_rows->setStretchFactor(1, 0);
        const QByteArray state = QSettings().value("window/rows").toByteArray();
        if (state.isEmpty() || !m_rows->restoreState(state))
            m_rows->setSizes({height() * 52 / 100, height() * 40 / 100});
        m_rows->setHandleWidth(1); // part of a stored state
        widget->hide();
    } else {
        m_body->addWidget(widget);
    }
    return widget;
}

void MainWindow::showPage(Page page)
{
    if (page != Page::Build && !m_makers.contains(page))
        return;
    m_page = page;
    m_top->pages().setCurrent(static_cast<int>(page));
    applyPage();
    Q_EMIT pageChanged(page);
}

void MainWindow::applyPage()
{
    QWidget* widget = pageWidget(m_page);
    m_palette->setVisible(m_page == Page::Build && m_paletteWanted);
    m_inspector->setVisible(m_page == Page::Build && m_inspectorWanted);
    if (QWidget* train = m_pages.value(Page::Train))
        train->setVisible(m_page == Page::Train);
    m_body->setCurrentWidget(m_page == Page::Explain ? widget : m_columns);
}

void MainWindow::refreshTitle()
{
    const QString tip = m_document->path().empty() ? tr("Not saved yet") : toQString(m_document->path());
    m_top->setFileName(m_document->fileName(), m_document->isModified(), tip);
    setWindowTitle(QStringLiteral("%1[*] – Gradloom").arg(m_document->fileName()));
    setWindowModified(m_document->isModified());
}

void MainWindow::refreshStatus()
{
    const auto& analysis = m_document->analysis();
    m_status->setAnalysis(m_document->graph(), analysis);
    QString reason;
    for (const auto& problem : analysis.problems)
        if (!problem.warning && reason.isEmpty())
            reason = QString::fromStdString(problem.message);
    m_top->runBar().setReady(analysis.valid(), reason);
}

void MainWindow::refreshSelection()
{
    const CanvasScene& scene = m_canvas->canvasScene();
    m_inspector->setSelection(scene.selectedNodes(), scene.selectedGroup());
}

void MainWindow::showError(const QString& what, const std::string& message)
{
    QMessageBox box(QMessageBox::Warning, what, what, QMessageBox::Ok, this);
    box.setInformativeText(QString::fromStdString(message));
    box.exec();
}

bool MainWindow::mayDiscard()
{
    if (!m_document->isModified())
        return true;
    QMessageBox box(QMessageBox::Question, tr("Unsaved changes"),
        tr("Save the changes to %1?").arg(m_document->fileName()),
        QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel, this);
    box.setDefaultButton(QMessageBox::Save);
    const int answer = box.exec();
    return answer == QMessageBox::Discard || (answer == QMessageBox::Save && save());
}

bool MainWindow::openProject(const std::filesystem::path& path)
{
    if (!mayDiscard())
        return false;
    if (const Status opened = m_document->open(path); !opened) {
        showError(tr("The project cannot be opened."), opened.error().message);
        return false;
    }
    remember(m_document->path());
    return true;
}

bool MainWindow::save()
{
    if (m_document->path().empty())
        return saveAs();
    if (const Status saved = m_document->save(); !saved) {
        showError(tr("The project was not saved."), saved.error().message);
        return false;
    }
    remember(m_document->path());
    return true;
}

bool MainWindow::saveAs()
{
    const QString suggested =
        m_document->path().empty() ? m_document->fileName() : toQString(m_document->path());
    QString name = QFileDialog::getSaveFileName(
        this, tr("Save project"), suggested, tr("Gradloom projects (*.gradloom.json)"));
    if (name.isEmpty())
        return false;
    if (!name.endsWith(QStringLiteral(".json")))
        name += QStringLiteral(".gradloom.json");
    if (const Status saved = m_document->saveAs(toPath(name)); !saved) {
        showError(tr("The project was not saved."), saved.error().message);
        return false;
    }
    remember(m_document->path());
    return true;
}

void MainWindow::offerRecovery()
{
    for (const auto& leftover : Autosave::leftovers()) {
        const QString name =
            leftover.origin.empty() ? tr("an unsaved project") : toQString(leftover.origin.filename());
        QMessageBox box(QMessageBox::Question, tr("Recover changes"),
            tr("Gradloom ended unexpectedly with unsaved changes to %1 (%2). Open them?")
                .arg(name, leftover.time.toString("d MMM HH:mm")),
            QMessageBox::Open | QMessageBox::Discard | QMessageBox::Cancel, this);
        box.button(QMessageBox::Cancel)->setText(tr("Later"));
        const int answer = box.exec();
        if (answer == QMessageBox::Cancel)
            continue;
        if (answer == QMessageBox::Open)
            if (const Status done = m_document->recover(leftover.file, leftover.origin); !done) {
                showError(tr("The changes cannot be recovered."), done.error().message);
                continue;
            }
        Autosave::discard(leftover);
        if (answer == QMessageBox::Open)
            return; // one document; what else there is waits for the next start
    }
}

void MainWindow::openLast()
{
    for (const QString& file : QSettings().value("recent").toStringList())
        if (QFile::exists(file) && m_document->open(toPath(file)))
            return;
    m_document->newProject();
}

void MainWindow::remember(const std::filesystem::path& path)
{
    QSettings settings;
    QStringList recent = settings.value("recent").toStringList();
    recent.removeAll(toQString(path));
    recent.prepend(toQString(path));
    settings.setValue("recent", QStringList(recent.mid(0, 10)));
}

void MainWindow::restoreLayout()
{
    QSettings settings;
    if (!restoreGeometry(settings.value("window/geometry").toByteArray()))
        resize(1600, 960);
    if (const QByteArray state = settings.value("window/columns").toByteArray(); !state.isEmpty())
        m_columns->restoreState(state);
    m_columns->setHandleWidth(1);
}

void MainWindow::storeLayout()
{
    QSettings settings;
    settings.setValue("window/geometry", saveGeometry());
    // Hidden panels have no width worth remembering.
    if (m_page == Page::Build && m_paletteWanted && m_inspectorWanted)
        settings.setValue("window/columns", m_columns->saveState());
    if (m_page == Page::Train)
        settings.setValue("window/rows", m_rows->saveState());
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (!mayDiscard()) {
        event->ignore();
        return;
    }
    storeLayout();
    event->accept();
}

void MainWindow::showEvent(QShowEvent* event)
{
    QMainWindow::showEvent(event);
    if (m_shown)
        return;
    m_shown = true;
    m_canvas->setFocus();
    // Not before the window stands, so that the start is as quick as without a GPU.
    if (m_devices->waiting())
        QTimer::singleShot(0, m_devices, &DeviceMenu::look);
}

} // namespace gradloom::gui
