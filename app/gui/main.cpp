#include "app/gui/main_window.h"
#include "app/gui/run_controller.h"

#include "widgets/canvas/canvas_view.h"
#include "widgets/live/train_panel.h"
#include "widgets/theme/theme.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>
#include <QTimer>

#include <cstdio>

using namespace gradloom;

namespace {

struct Arguments
{
    QString project;
    QString screenshot;
    QString page;
    QString view;
    QString theme;
    QString select;
    QSize size;
    bool train = false;
    int afterEpochs = 0;
};

Arguments readArguments(const QApplication& application)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(
        QApplication::translate("main", "Draw, train, watch and explain neural networks."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(
        "project", QApplication::translate("main", "A project to open."), "[project]");
    const QCommandLineOption screenshot(
        "screenshot", QApplication::translate("main", "Write a picture of the window and end."), "file");
    const QCommandLineOption page(
        "page", QApplication::translate("main", "build, train or explain."), "page", "build");
    const QCommandLineOption view("view",
        QApplication::translate("main", "On the Train page: curves, activations, pictures, gradients or log."),
        "view", "curves");
    const QCommandLineOption themeOption("theme", QApplication::translate("main", "dark or light."), "theme");
    const QCommandLineOption select(
        "select", QApplication::translate("main", "Select a layer or a block by its name."), "layer");
    const QCommandLineOption size(
        "size", QApplication::translate("main", "Size of the window: 1600x960."), "size");
    const QCommandLineOption train("train", QApplication::translate("main", "Start training at once."));
    const QCommandLineOption after("after-epochs",
        QApplication::translate("main", "With --train and --screenshot: wait for so many epochs."), "number",
        "0");
    parser.addOptions({screenshot, page, view, themeOption, select, size, train, after});
    parser.process(application);
    Arguments arguments;
    arguments.project = parser.positionalArguments().value(0);
    arguments.screenshot = parser.value(screenshot);
    arguments.page = parser.value(page);
    arguments.view = parser.value(view);
    arguments.theme = parser.value(themeOption);
    arguments.select = parser.value(select);
    arguments.train = parser.isSet(train);
    arguments.afterEpochs = parser.value(after).toInt();
    const QStringList extents = parser.value(size).split(QLatin1Char('x'));
    if (extents.size() == 2)
        arguments.size = QSize(extents[0].toInt(), extents[1].toInt());
    return arguments;
}

void showPageNamed(gui::MainWindow& window, const QString& name)
{
    using Page = gui::MainWindow::Page;
    window.showPage(name == "train" ? Page::Train : name == "explain" ? Page::Explain : Page::Build);
}

void writeScreenshot(gui::MainWindow& window, const QString& file)
{
    const bool written = window.grab().save(file);
    if (!written)
        std::fprintf(stderr, "gradloom: %s cannot be written\n", qPrintable(file));
    QApplication::exit(written ? 0 : 1);
}

/// Shows the wanted page and writes the picture when everything on it had time to appear.
void finishWithScreenshot(gui::MainWindow& window, const Arguments& arguments)
{
    showPageNamed(window, arguments.page);
    const int patience = arguments.train ? 2500 : 700;
    QTimer::singleShot(
        patience, &window, [&window, file = arguments.screenshot] { writeScreenshot(window, file); });
}

void begin(gui::MainWindow& window, gui::RunController& runs, const Arguments& arguments)
{
    if (!arguments.project.isEmpty() && !window.openProject(gui::toPath(arguments.project)))
        window.document().newProject();
    else if (arguments.project.isEmpty())
        window.openLast();
    showPageNamed(window, arguments.page);
    if (const std::string id = arguments.select.toStdString(); !id.empty()) {
        if (window.document().graph().findGroup(id))
            window.canvas().showGroup(id);
        else
            window.canvas().showNode(id);
    }
    if (arguments.screenshot.isEmpty())
        window.offerRecovery();
    if (arguments.train)
        runs.start();
    if (auto* panel = runs.trainPanel()) // made when it is needed first
        panel->showView(arguments.view.toStdString());
    if (arguments.screenshot.isEmpty())
        return;
    if (!arguments.train || arguments.afterEpochs == 0) {
        finishWithScreenshot(window, arguments);
        return;
    }
    QObject::connect(runs.trainPanel(), &widgets::TrainPanel::epochPublished, &window,
        [&window, arguments](const train::EpochMetrics& epoch) {
            if (epoch.epoch + 1 == arguments.afterEpochs)
                finishWithScreenshot(window, arguments);
        });
}

} // namespace

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    QApplication::setOrganizationName("Gradloom");
    QApplication::setApplicationName("Gradloom");
    QApplication::setApplicationVersion(GRADLOOM_VERSION);
    const Arguments arguments = readArguments(application);
    widgets::setTheme(
        arguments.theme.isEmpty() ? QSettings().value("theme", "dark").toString() : arguments.theme);

    gui::MainWindow window;
    if (arguments.size.isValid())
        window.resize(arguments.size);
    window.show();
    auto* runs = new gui::RunController(window);
    const auto start = [&] { begin(window, *runs, arguments); };
    QTimer::singleShot(0, &window, start);
    return QApplication::exec();
}
