#include "widgets/theme/theme.h"

#include <QApplication>

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    gradloom::widgets::setTheme(QStringLiteral("dark"));
    return 0;
}
