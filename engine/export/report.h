#pragma once

#include "engine/export/svg_chart.h"
#include "engine/graph/analysis.h"

#include <map>

namespace gradloom::exports {

/// One row of the table of classes.
struct ReportClass
{
    std::string name;
    double precision = 0;
    double recall = 0;
    double f1 = 0;
    int64_t support = 0;
};

struct ReportPicture
{
    std::string png; ///< the file's bytes
    std::string title;
    std::string caption;
    bool right = true; ///< the network was right about it
};

/// What a report tells; empty parts are left out.
struct Report
{
    std::string title;
    std::string description;
    std::vector<std::pair<std::string, std::string>> facts; ///< name and value: device, seed, accuracy ...
    graph::Graph graph;
    layers::TargetTypes labels; ///< what the data set says about each sample
    std::vector<Chart> charts;
    std::vector<ReportClass> classes;
    std::vector<std::vector<int64_t>> confusion; ///< [true class][predicted class]
    std::string picturesTitle;
    std::vector<ReportPicture> pictures;
};

/// A page that needs nothing but itself: no scripts, no files, nothing from the network. Prints well.
std::string reportHtml(const Report& report);

} // namespace gradloom::exports
