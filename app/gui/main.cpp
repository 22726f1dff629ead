#include "app/gui/main_window.h"

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
    QString theme;
    QSize size;
};

Arguments readArguments(const QApplication& application)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(QApplication::translate("main", "Draw, train, watch and explain neural networks."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument("project", QApplication::translate("main", "A project to open."), "[project]");
    const QCommandLineOption screenshot(
        "screenshot", QApplication::translate("main", "Write a picture of the window and end."), "file");
    const QCommandLineOption page("page", QApplication::translate("main", "build, train or explain."), "page", "build");
    const QCommandLineOption themeOption("theme", QApplication::translate("main", "dark or light."), "theme");
    const QCommandLineOption size("size", QApplication::translate("main", "Size of the window: 1600x960."), "size");
    parser.addOptions({screenshot, page, themeOption, size});
    parser.process(application);
    Arguments arguments;
    arguments.project = parser.positionalArguments().value(0);
    arguments.screenshot = parser.value(screenshot);
    arguments.page = parser.value(page);
    arguments.theme = parser.value(themeOption);
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

} // namespace

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    QApplication::setOrganizationName("Gradloom");
    QApplication::setApplicationName("Gradloom");
    QApplication::setApplicationVersion(GRADLOOM_VERSION);
    const Arguments arguments = readArguments(application);
    widgets::setTheme(arguments.theme.isEmpty() ? QSettings().value("theme", "dark").toString() : arguments.theme);

    gui::MainWindow window;
    if (arguments.size.isValid())
        window.resize(arguments.size);
    window.show();
    const auto start = [&] {
        if (!arguments.project.isEmpty() && !window.openProject(gui::toPath(arguments.project)))
            window.document().newProject();
        else if (arguments.project.isEmpty())
            window.openLast();
        showPageNamed(window, arguments.page);
        if (arguments.screenshot.isEmpty())
            window.offerRecovery();
        else
            QTimer::singleShot(700, &window, [&] { writeScreenshot(window, arguments.screenshot); });
    };
    QTimer::singleShot(0, &window, start);
    return QApplication::exec();
}
