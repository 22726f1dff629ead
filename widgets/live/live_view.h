#pragma once

#include "widgets/live/run_history.h"

#include <QColor>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gradloom::widgets {

enum class XAxis { Step, Epoch, Time };

/// A line of the run's log.
struct LogLine
{
    enum class Kind { Note, Good, Bad };
    Kind kind = Kind::Note;
    double seconds = 0; ///< of training time when it happened
    QString text;
};

/// What all live views share. Belongs to the panel and outlives the views.
struct LiveContext
{
    RunHistory history;
    std::vector<LogLine> log;
    double smoothing = 0.6;
    bool logY = false;
    XAxis xAxis = XAxis::Epoch;
    std::string selectedNode; ///< what the person looks at; empty: a view chooses
    /// Category of a node's layer ("convolution"), for its colour.
    std::function<std::string(const std::string& node)> categoryOf;
    /// A view asks for another node to be looked at.
    std::function<void(const std::string& node)> selectNode;
};

/// One tab of the Train page.
class LiveView : public QWidget
{
    Q_OBJECT

public:
    using QWidget::QWidget;
    /// The context changed. Called while the view is shown, and when it is shown again.
    virtual void refresh() = 0;
};

/// A live view as data: one file in widgets/live/views returns one of these.
struct LiveViewType
{
    std::string id;    ///< "curves"
    const char* title; ///< of the tab, translated in the context "LiveView"
    int order = 0;     ///< from left to right
    bool plot = false; ///< smoothing, scale and axis apply to it
    std::function<std::unique_ptr<LiveView>(LiveContext& context)> create;
};

/// In the order of the tabs.
const std::vector<LiveViewType>& liveViewTypes();

// Written by CMake from the files in widgets/live/views.
std::vector<LiveViewType> allLiveViewTypes();

} // namespace gradloom::widgets
