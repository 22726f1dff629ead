#pragma once

#include <QImage>
#include <QWidget>

namespace gradloom::widgets {

/// A field that takes a picture file by drop, click or key press.
class OwnPicture : public QWidget
{
    Q_OBJECT

public:
    explicit OwnPicture(QWidget* parent = nullptr);

    /// Shows what was taken; a null image goes back to the invitation.
    void setPicture(const QImage& picture, const QString& name);
    /// Says why a file was not taken.
    void setProblem(const QString& problem);
    void setCurrent(bool current);

    QSize sizeHint() const override { return {220, 132}; }
    QSize minimumSizeHint() const override { return {160, 132}; }

Q_SIGNALS:
    void fileChosen(const QString& path);
    /// The picture it already holds was clicked.
    void activated();

protected:
    void paintEvent(QPaintEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dragLeaveEvent(QDragLeaveEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    void browse();

    QImage m_picture;
    QString m_name;
    QString m_problem;
    bool m_dropping = false;
    bool m_current = false;
};

} // namespace gradloom::widgets
