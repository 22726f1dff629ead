#include "app/cli/results.h"

#include "app/cli/text_table.h"
#include "engine/train/metric_type.h"

namespace gradloom::cli {

Json evaluationJson(const train::Evaluation& evaluation, const std::vector<std::string>& classNames)
{
    Json classes = Json::array();
    for (size_t i = 0; i < evaluation.perClass.size(); ++i) {
        const auto& score = evaluation.perClass[i];
        classes.push_back({{"class", i}, {"name", className(classNames, static_cast<int64_t>(i))},
            {"precision", score.precision}, {"recall", score.recall}, {"f1", score.f1},
            {"support", score.support}});
    }
    Json metrics = Json::object();
    for (const auto& [id, value] : evaluation.metrics)
        metrics[id] = value;
    return Json{{"accuracy", number(evaluation.accuracy)}, {"loss", number(evaluation.loss)},
        {"samples", evaluation.samples}, {"metrics", metrics},
        {"macro", {{"precision", number(evaluation.macroPrecision)},
                      {"recall", number(evaluation.macroRecall)}, {"f1", number(evaluation.macroF1)}}},
        {"per_class", classes}, {"confusion", evaluation.confusion}, {"seconds", evaluation.seconds}};
}

std::string evaluationText(const train::Evaluation& evaluation, const std::vector<std::string>& classNames)
{
    TextTable numbers({"measure", ">value"});
    numbers.add({"samples", grouped(evaluation.samples)});
    numbers.add({"loss", decimals(evaluation.loss, 4)});
    for (const train::MetricType& type : train::metricTypes().all())
        if (const auto it = evaluation.metrics.find(type.id); it != evaluation.metrics.end())
            numbers.add({type.title, type.share ? percent(it->second, 2) : decimals(it->second, 4)});
    for (const auto& [id, value] : evaluation.metrics) {
        const size_t dot = id.find('.'); // of another loss than the first: "<node>.<metric>"
        const train::MetricType* type =
            dot == std::string::npos ? nullptr : train::metricTypes().find(id.substr(dot + 1));
        if (type)
            numbers.add({id.substr(0, dot) + ": " + type->title,
                type->share ? percent(value, 2) : decimals(value, 4)});
    }
    std::string text = numbers.toString();
    if (evaluation.perClass.empty())
        return text;
    text += "\n";
    TextTable table({"class", ">precision", ">recall", ">f1", ">support"});
    for (size_t i = 0; i < evaluation.perClass.size(); ++i) {
        const auto& score = evaluation.perClass[i];
        table.add({className(classNames, static_cast<int64_t>(i)), percent(score.precision),
            percent(score.recall), percent(score.f1), grouped(score.support)});
    }
    table.rule();
    table.add({"mean", percent(evaluation.macroPrecision), percent(evaluation.macroRecall),
        percent(evaluation.macroF1), grouped(evaluation.samples)});
    text += table.toString() + "\nconfusion (rows: what it is; columns: what the network says)\n";
    std::vector<std::string> headings{""};
    for (size_t i = 0; i < evaluation.confusion.size(); ++i)
        headings.push_back(">" + std::to_string(i));
    TextTable confusion(headings);
    for (size_t i = 0; i < evaluation.confusion.size(); ++i) {
        std::vector<std::string> row{
            std::to_string(i) + " " + className(classNames, static_cast<int64_t>(i))};
        for (const int64_t count : evaluation.confusion[i])
            row.push_back(std::to_string(count));
        confusion.add(std::move(row));
    }
    return text + confusion.toString();
}

Json valueJson(const ParamValue& value)
{
    return std::visit([](const auto& v) { return Json(v); }, value);
}

Json shapeJson(const Shape& shape)
{
    return Json(shape.toVector());
}

Json paramJson(const ParamSpec& spec)
{
    static constexpr const char* kinds[] = {"integer", "real", "switch", "choice", "tuple", "list", "shape", "text"};
    Json json{{"key", spec.key}, {"title", spec.title}, {"kind", kinds[static_cast<size_t>(spec.kind)]},
        {"default", valueJson(spec.defaultValue)}};
    const bool ranged = spec.kind == ParamKind::Integer || spec.kind == ParamKind::Real ||
                        spec.kind == ParamKind::Tuple || spec.kind == ParamKind::List ||
                        spec.kind == ParamKind::Shape;
    if (ranged) {
        json["minimum"] = number(spec.minimum);
        json["maximum"] = number(spec.maximum);
    }
    if (spec.kind == ParamKind::Choice) {
        json["choices"] = Json::array();
        for (const auto& choice : spec.choices)
            json["choices"].push_back({{"value", choice.value}, {"title", choice.title}});
    }
    if (!spec.unit.empty())
        json["unit"] = spec.unit;
    json["help"] = spec.help;
    return json;
}

Json paramsJson(const std::vector<ParamSpec>& specs)
{
    Json json = Json::array();
    for (const auto& spec : specs)
        json.push_back(paramJson(spec));
    return json;
}

} // namespace gradloom::cli
