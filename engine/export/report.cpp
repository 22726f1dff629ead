#include "engine/export/report.h"

#include "engine/export/html.h"

#include <algorithm>

namespace gradloom::exports {

namespace {

constexpr const char* style = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif; color: #1d2330; background: #fff; max-width: 1080px;
       margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p.lead { color: #566; margin-top: 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: .6rem; }
dl div { background: #f4f6f9; border-radius: 8px; padding: .5rem .8rem; } dt { color: #667; font-size: .8rem; }
dd { margin: 0; font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .28rem .6rem; text-align: left; border-bottom: 1px solid #e4e8ee; } th { color: #566; font-weight: 600; }
.number { text-align: right; } .scroll { overflow-x: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; font-size: 12px; }
.confusion td, .confusion th { text-align: center; padding: .3rem .35rem; border: 1px solid #fff; font-size: .82rem; }
.confusion th.row { text-align: right; white-space: nowrap; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1rem; }
figure { margin: 0; } figure img { width: 100%; border-radius: 6px; image-rendering: auto; display: block; }
figcaption { font-size: .82rem; line-height: 1.3; margin-top: .3rem; } .wrong { color: #b3261e; }
footer { margin-top: 3rem; color: #889; font-size: .8rem; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; }
  table, figure, .charts svg { break-inside: avoid; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
)";

std::string cell(const std::string& content, bool number = false)
{
    return std::string(number ? "<td class=\"number\">" : "<td>") + content + "</td>";
}

/// 93322 as "93,322".
std::string grouped(int64_t value)
{
    std::string digits = std::to_string(value);
    for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<size_t>(at), ",");
    return digits;
}

std::string facts(const Report& report)
{
    if (report.facts.empty())
        return {};
    std::string html = "<dl>\n";
    for (const auto& [name, value] : report.facts)
        html += "<div><dt>" + escapeHtml(name) + "</dt><dd>" + escapeHtml(value) + "</dd></div>\n";
    return html + "</dl>\n";
}

std::string modelTable(const Report& report)
{
    const graph::Analysis analysis = graph::analyse(report.graph, report.labels);
    std::string html =
        "<h2>Model</h2>\n<div class=\"scroll\"><table>\n<tr><th>Node</th><th>Layer</th><th>Options</th>"
        "<th>Result for one sample</th><th class=\"number\">Parameters</th><th "
        "class=\"number\">FLOPs</th></tr>\n";
    for (const size_t index : graph::topologicalOrder(analysis.expanded)) {
        const graph::Node& node = analysis.expanded.nodes[index];
        const auto* type = layers::layerTypes().find(node.type);
        const graph::NodeInfo& info = analysis.expandedNodes.at(node.id);
        const std::string options = type && type->summary && info.params.size() == type->parameters.size()
                                        ? type->summary(info.params)
                                        : "";
        html += "<tr>" + cell(escapeHtml(node.id)) + cell(escapeHtml(type ? type->title : node.type)) +
                cell(escapeHtml(options)) +
                cell(info.outputs.empty() ? std::string() : info.outputs[0].shape.toString()) +
                cell(grouped(info.parameters), true) + cell(grouped(info.flops), true) + "</tr>\n";
    }
    html += "<tr><th colspan=\"4\">Sum</th><th class=\"number\">" + grouped(analysis.parameters) +
            "</th><th class=\"number\">" + grouped(analysis.flops) + "</th></tr>\n</table></div>\n";
    return html;
}

std::string charts(const Report& report)
{
    if (report.charts.empty())
        return {};
    std::string html = "<h2>Training</h2>\n<div class=\"charts\">\n";
    for (const Chart& chart : report.charts)
        html += svgChart(chart) + "\n";
    return html + "</div>\n";
}

std::string nameOf(const Report& report, size_t index)
{
    return escapeHtml(index < report.classes.size() ? report.classes[index].name : std::to_string(index));
}

std::string confusionTable(const Report& report)
{
    if (report.confusion.empty())
        return {};
    std::string html =
        "<h2>Confusion matrix</h2>\n<p class=\"lead\">Rows: what it is. Columns: what the network says.</p>\n"
        "<div class=\"scroll\"><table class=\"confusion\">\n<tr><th></th>";
    for (size_t c = 0; c < report.confusion.size(); ++c)
        html += "<th>" + nameOf(report, c) + "</th>";
    html += "</tr>\n";
    for (size_t row = 0; row < report.confusion.size(); ++row) {
        int64_t support = 0;
        for (const int64_t count : report.confusion[row])
            support += count;
        html += "<tr><th class=\"row\">" + nameOf(report, row) + "</th>";
        for (size_t c = 0; c < report.confusion[row].size(); ++c) {
            const int64_t count = report.confusion[row][c];
            const double share =
                support > 0 ? static_cast<double>(count) / static_cast<double>(support) : 0.0;
            const std::string rgb = c == row ? "0,114,178" : "213,94,0";
            // Small shares of errors would not be seen on a straight scale.
            const double depth = c == row ? share : std::min(1.0, 2.5 * share);
            html += "<td style=\"background:rgba(" + rgb + "," + formatNumber(depth, 3) + ")" +
                    (depth > 0.55 ? ";color:#fff" : "") + "\">" + std::to_string(count) + "</td>";
        }
        html += "</tr>\n";
    }
    return html + "</table></div>\n";
}

std::string classTable(const Report& report)
{
    if (report.classes.empty())
        return {};
    std::string html = "<h2>Classes</h2>\n<table>\n<tr><th>Class</th><th class=\"number\">Precision</th>"
                       "<th class=\"number\">Recall</th><th class=\"number\">F1</th><th "
                       "class=\"number\">Samples</th></tr>\n";
    for (const ReportClass& entry : report.classes)
        html += "<tr>" + cell(escapeHtml(entry.name)) + cell(formatPercent(entry.precision), true) +
                cell(formatPercent(entry.recall), true) + cell(formatPercent(entry.f1), true) +
                cell(grouped(entry.support), true) + "</tr>\n";
    return html + "</table>\n";
}

std::string pictures(const Report& report)
{
    if (report.pictures.empty())
        return {};
    std::string html = "<h2>" + escapeHtml(report.picturesTitle) + "</h2>\n<div class=\"pictures\">\n";
    for (const ReportPicture& picture : report.pictures)
        html += "<figure><img alt=\"" + escapeHtml(picture.title) + "\" src=\"data:image/png;base64," +
                base64(picture.png) + "\"><figcaption" + (picture.right ? "" : " class=\"wrong\"") + "><b>" +
                escapeHtml(picture.title) + "</b><br>" + escapeHtml(picture.caption) +
                "</figcaption></figure>\n";
    return html + "</div>\n";
}

} // namespace

std::string reportHtml(const Report& report)
{
    std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
                       escapeHtml(report.title) + "</title>\n<style>" + style +
                       "</style>\n</head>\n<body>\n<h1>" + escapeHtml(report.title) + "</h1>\n";
    if (!report.description.empty())
        html += "<p class=\"lead\">" + escapeHtml(report.description) + "</p>\n";
    html += facts(report) + charts(report) + modelTable(report) + confusionTable(report) +
            classTable(report) + pictures(report);
    return html + "<footer>Written by Gradloom.</footer>\n</body>\n</html>\n";
}

} // namespace gradloom::exports
